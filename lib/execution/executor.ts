import {
  createSourceEventStream,
  type DocumentNode,
  type ExecutionResult,
  GraphQLError,
  type GraphQLSchema,
  parse,
  validate,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import type { RequestContext } from '../context.ts'
import { isNotice, type Notice, type Placed } from '../live.ts'
import { inSpan } from '../trace.ts'
import { PreparedOperation } from './prepared.ts'

/** One operation for a schema. */
export interface ExecutableOperation {
  /** Its text, with one operation in it; the same text always means the same document. */
  readonly operation: string
  readonly variables: Record<string, unknown>
  readonly context: RequestContext
}

export interface ExecutorOptions {
  readonly schema: GraphQLSchema
  /** The subgraph's name, in traces. */
  readonly name?: string
  /** The resolvers' context of one execution, with loaders of its own. */
  contextFor(operation: ExecutableOperation): unknown
  /** Whether operations come from elsewhere, where the schema may be an older or a newer one. */
  readonly validates?: boolean
}

export type ResultStream = AsyncIterableIterator<ExecutionResult> & Placed

/** Runs operations on one schema, each in a context of its own. Nothing rejects: what fails becomes an error. */
export interface Executor {
  execute(operation: ExecutableOperation): Promise<ExecutionResult>
  /**
   * A stream of answers, one for each event, or the answer of a subscription that did not begin. An event's own
   * `extensions` become its answer's. Each event has a context of its own, so that it is not answered from what a
   * loader remembers of an earlier one. Ending the iteration ends the source, also while its next event is waited for.
   * A notice of the source's is passed on as it is.
   */
  subscribe(operation: ExecutableOperation): Promise<ResultStream | ExecutionResult>
}

/** How many operations stay prepared. */
const preparedOperations = 2000

interface Known {
  readonly document: DocumentNode
  readonly prepared: PreparedOperation
}

export function createExecutor({ schema, name = '', contextFor, validates = false }: ExecutorOptions): Executor {
  const known = new LRUCache<string, Known>({ max: preparedOperations })
  const knownOf = (text: string): Known => {
    let operation = known.get(text)
    if (!operation) {
      const document = parse(text, { noLocation: true })
      if (validates) requireValid(schema, document)
      operation = { document, prepared: new PreparedOperation(schema, document) }
      known.set(text, operation)
    }
    return operation
  }
  const execute = (operation: ExecutableOperation, rootValue?: unknown) =>
    knownOf(operation.operation).prepared.execute(operation.variables, contextFor(operation), rootValue)
  return {
    execute: (operation) => {
      const { context } = operation
      if (!context.span?.recording) return settled(async () => execute(operation))
      return inSpan(context.span, `subgraph ${name}`, {}, (span) =>
        settled(async () => {
          const { operation: text, variables } = operation
          return execute({ operation: text, variables, context: { ...context, span } })
        }),
      )
    },
    subscribe: (operation) =>
      settled(async () => {
        const events = await createSourceEventStream({
          schema,
          document: knownOf(operation.operation).document,
          variableValues: operation.variables,
          contextValue: contextFor(operation),
        })
        if (!(Symbol.asyncIterator in events)) return events
        return answers(events, async (event) => {
          if (isNotice(Object(event))) return event as Notice as unknown as ExecutionResult
          const result = await execute(operation, event)
          return { ...result, ...extensionsOf(event) }
        })
      }),
  }
}

function answers(events: AsyncIterable<unknown>, answer: (event: unknown) => Promise<ExecutionResult>): ResultStream {
  const source = events[Symbol.asyncIterator]()
  return {
    startsAfter: (events as Placed).startsAfter,
    async next() {
      const { done, value } = await source.next()
      return done ? { done, value: undefined } : { done: false, value: await answer(value) }
    },
    async return() {
      await source.return?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

function extensionsOf(event: unknown): Pick<ExecutionResult, 'extensions'> {
  const { extensions } = Object(event) as { extensions?: unknown }
  return typeof extensions === 'object' && extensions !== null ? { extensions: { ...extensions } } : {}
}

function requireValid(schema: GraphQLSchema, document: DocumentNode): void {
  const [error] = validate(schema, document, undefined, { maxErrors: 1 })
  // Not the client's mistake, so nothing that he should be told as such.
  if (error) throw new Error(`The operation does not fit the schema: ${error.message}`)
}

async function settled<T>(run: () => Promise<T>): Promise<T | ExecutionResult> {
  try {
    return await run()
  } catch (error) {
    return failedResult(error)
  }
}

/** The answer of an operation that failed as a whole. */
export function failedResult(thrown: unknown): ExecutionResult {
  if (thrown instanceof GraphQLError) return { errors: [thrown] }
  const originalError = thrown instanceof Error ? thrown : new Error(String(thrown))
  return { errors: [new GraphQLError(originalError.message, { originalError })] }
}
