import type { ExecutionResult } from 'graphql'
import { createExecutor, type ExecutorOptions, type ResultStream } from '../../../lib/execution/executor.ts'
import type { Channel, SubgraphResponse, SubgraphStream } from '../types.ts'
import { single } from './answer.ts'

/**
 * The way to a subgraph in the same process: no network and no text between. What comes from the engine has been
 * planned over this schema, so it need not be validated again.
 */
export function createLocalChannel(options: ExecutorOptions): Channel {
  const executor = createExecutor(options)
  return {
    async execute(request) {
      return asResponse(await executor.execute(request))
    },
    async subscribe(request) {
      const events = await executor.subscribe(request)
      return Symbol.asyncIterator in events ? responses(events) : single(asResponse(events))
    },
    async close() {},
  }
}

function asResponse({ data, errors, extensions }: ExecutionResult): SubgraphResponse {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors === undefined ? {} : { errors: errors.map((error) => error.toJSON()) }),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

function responses(results: ResultStream): SubgraphStream & AsyncIterator<SubgraphResponse> {
  return {
    startsAfter: results.startsAfter,
    async next() {
      const result = await results.next()
      return result.done ? { done: true, value: undefined } : { done: false, value: asResponse(result.value) }
    },
    async return() {
      await results.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
