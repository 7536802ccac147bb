import { type DocumentNode, type ExecutionResult, execute, type GraphQLSchema, parse, subscribe } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Channel, SubgraphRequest, SubgraphResponse } from '../types.ts'
import { single } from './answer.ts'

export interface LocalChannelOptions {
  readonly schema: GraphQLSchema
  /** The resolvers' context of one execution, with loaders of its own. */
  contextFor(request: SubgraphRequest): unknown
}

/** How many of the engine's operations stay parsed. */
const parsedOperations = 2000

/**
 * The way to a subgraph in the same process: no network and no text between. What comes from the engine has been
 * planned over this schema, so it is not validated again.
 */
export function createLocalChannel({ schema, contextFor }: LocalChannelOptions): Channel {
  const documents = new LRUCache<string, DocumentNode>({ max: parsedOperations })
  const documentOf = (text: string): DocumentNode => {
    let document = documents.get(text)
    if (!document) {
      document = parse(text, { noLocation: true })
      documents.set(text, document)
    }
    return document
  }
  const argsOf = (request: SubgraphRequest) => ({
    schema,
    document: documentOf(request.operation),
    variableValues: request.variables,
    contextValue: contextFor(request),
  })
  return {
    async execute(request) {
      return asResponse(await execute(argsOf(request)))
    },
    async subscribe(request) {
      const events = await subscribe(argsOf(request))
      return Symbol.asyncIterator in events ? new LocalEvents(events) : single(asResponse(events))
    },
    async close() {
      documents.clear()
    },
  }
}

function asResponse({ data, errors, extensions }: ExecutionResult): SubgraphResponse {
  return {
    ...(data === undefined ? {} : { data }),
    ...(errors === undefined ? {} : { errors: errors.map((error) => error.toJSON()) }),
    ...(extensions === undefined ? {} : { extensions }),
  }
}

class LocalEvents implements AsyncIterableIterator<SubgraphResponse> {
  readonly #events: AsyncGenerator<ExecutionResult, void, void>

  constructor(events: AsyncGenerator<ExecutionResult, void, void>) {
    this.#events = events
  }

  async next(): Promise<IteratorResult<SubgraphResponse>> {
    const event = await this.#events.next()
    return event.done ? { done: true, value: undefined } : { done: false, value: asResponse(event.value) }
  }

  async return(): Promise<IteratorResult<SubgraphResponse>> {
    await this.#events.return?.()
    return { done: true, value: undefined }
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
