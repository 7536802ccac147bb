import {
  buildSchema,
  type ExecutionResult,
  execute,
  GraphQLError,
  type GraphQLSchema,
  printSchema,
  subscribe,
} from 'graphql'
import type { Engine, EngineResponse, OperationRequest } from '../../gateway/engine/types.ts'
import type { RequestContext } from '../../lib/context.ts'
import { cursorOf } from '../../lib/live.ts'

type Root = Record<string, (args: Record<string, unknown>, context: RequestContext) => unknown>

/**
 * A fake engine: graphql-js over one local schema. It stands in where a test is about the edge and not about
 * federation, and lets the test say what each root field answers.
 */
export class FakeEngine implements Engine {
  readonly schema: GraphQLSchema
  readonly supergraphSdl: string
  readonly #root: Root
  /** Every request it was given, in order. */
  readonly requests: OperationRequest[] = []
  /** Live extensions for each event of a subscription, by its position. */
  eventExtensions: ((index: number) => Record<string, unknown>) | undefined
  closed = false

  constructor(sdl: string, root: Root) {
    this.schema = buildSchema(sdl)
    this.supergraphSdl = printSchema(this.schema)
    this.#root = root
  }

  async execute(request: OperationRequest): Promise<EngineResponse> {
    this.requests.push(request)
    return toResponse(await execute(this.#args(request)))
  }

  async subscribe(request: OperationRequest): Promise<AsyncIterable<EngineResponse>> {
    this.requests.push(request)
    const stream = await subscribe(this.#args(request))
    if (!(Symbol.asyncIterator in stream)) throw stream.errors?.[0] ?? new Error('no stream')
    return this.#respond(stream)
  }

  async explain(): Promise<never> {
    throw new GraphQLError('a fake engine plans nothing')
  }

  async close(): Promise<void> {
    this.closed = true
  }

  #respond(stream: AsyncGenerator<ExecutionResult, void, void>): AsyncIterable<EngineResponse> {
    let index = 0
    const extend = (result: ExecutionResult): ExecutionResult => {
      const extensions = this.eventExtensions?.(index++)
      return extensions === undefined ? result : { ...result, extensions }
    }
    const iterator: AsyncIterator<EngineResponse> = {
      next: async () => {
        const next = await stream.next()
        return next.done ? { done: true, value: undefined } : { done: false, value: toResponse(extend(next.value)) }
      },
      return: async () => {
        await stream.return()
        return { done: true, value: undefined }
      },
    }
    return { [Symbol.asyncIterator]: () => iterator }
  }

  #args({ document, operationName, variables, context }: OperationRequest) {
    return {
      schema: this.schema,
      document,
      operationName: operationName ?? null,
      variableValues: variables,
      contextValue: context,
      rootValue: this.#root,
    }
  }
}

/** The response as text, with the codes that the real engine gives. */
function toResponse(result: ExecutionResult): EngineResponse {
  const errors = (result.errors ?? []).map((error) => {
    const isInput = error.path === undefined && error.extensions.code === undefined
    return isInput
      ? new GraphQLError(error.message, { extensions: { code: 'BAD_USER_INPUT' } }).toJSON()
      : error.toJSON()
  })
  const { data, extensions } = result
  const text = JSON.stringify({
    ...(data === undefined ? {} : { data }),
    ...(errors.length > 0 ? { errors } : {}),
    ...(extensions === undefined ? {} : { extensions }),
  })
  return { text, errors, cursor: cursorOf(result) }
}
