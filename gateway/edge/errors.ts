import type { GraphQLFormattedError } from 'graphql'
import type { CachePolicy } from '../../lib/cache-control.ts'
import { codeOf, type ErrorCode, errorCodes, maskError } from '../../lib/errors.ts'
import type { MediaType } from './negotiate.ts'

/** An answer that has been settled: its text goes out as it is. */
export interface Answer {
  readonly text: string
  readonly errors: readonly GraphQLFormattedError[]
  /** Whether the response has a `data` entry, so that the operation was begun. */
  readonly hasData: boolean
  /** What goes with it over HTTP. */
  readonly headers?: Readonly<Record<string, string>>
  /** For an event of a subscription: where a reader who has seen it can resume. */
  readonly cursor?: string | undefined
  /** How long it may be kept; absent when it may not. */
  readonly cachePolicy?: CachePolicy | undefined
}

/** An answer of errors alone. */
export function refusal(errors: readonly GraphQLFormattedError[]): Answer {
  return { text: JSON.stringify({ errors }), errors, hasData: false }
}

/** Errors of a request that is GraphQL over HTTP in form, and asks for what cannot be run. */
const wellFormed: ReadonlySet<ErrorCode> = new Set([
  'BAD_USER_INPUT',
  'GRAPHQL_PARSE_FAILED',
  'GRAPHQL_VALIDATION_FAILED',
  'INCREMENTAL_DELIVERY_NOT_SUPPORTED',
  'OPERATION_RESOLUTION_FAILURE',
])

/**
 * The status of an answer (GraphQL over HTTP, "Response"): 200 once the operation was begun. Before that
 * `application/json` keeps 200 for well-formed requests, since its clients take other statuses for a proxy's.
 */
export function statusOf(answer: Answer, mediaType: MediaType): number {
  const first = answer.errors[0]
  if (answer.hasData || first === undefined) return 200
  const code = codeOf(first) ?? 'INTERNAL_SERVER_ERROR'
  if (mediaType === 'application/json' && wellFormed.has(code)) return 200
  return errorCodes[code].status
}

/** Masks what is unexpected in an answer; an answer without such errors is passed on untouched. */
export function maskAnswer(answer: Answer, traceId: string): Answer {
  const errors = answer.errors.map((error) => maskError(error, traceId))
  if (errors.every((error, index) => error === answer.errors[index])) return answer
  return withErrors(answer, errors)
}

/**
 * Takes the schema out of errors for those who may not read it: what does not fit it is said to, and no more, since every
 * name that an error confirms or suggests is a piece of it.
 */
export function hideSchema(answer: Answer): Answer {
  const opaque = answer.errors.map(withoutSchema).find((error) => error !== undefined)
  return opaque === undefined ? answer : withErrors(answer, [opaque])
}

/** An error in place of one that tells of the schema; undefined for others. */
function withoutSchema(error: GraphQLFormattedError): GraphQLFormattedError | undefined {
  const code = codeOf(error)
  if (code === 'GRAPHQL_VALIDATION_FAILED') {
    return { message: 'The document does not fit the schema.', extensions: { code } }
  }
  // Variables are brought to their types before anything runs, so the error has no path.
  if (code === 'BAD_USER_INPUT' && error.path === undefined && error.message.startsWith('Variable "$')) {
    return { message: 'The variables do not fit.', extensions: { code } }
  }
  return undefined
}

/**
 * Puts one thing more into `extensions`; rare, so it may cost a parse. The answer is then its asker's alone, and is kept
 * nowhere.
 */
export function withExtension(answer: Answer, name: string, value: unknown): Answer {
  const response = JSON.parse(answer.text) as { extensions?: Record<string, unknown> }
  const text = JSON.stringify({ ...response, extensions: { ...response.extensions, [name]: value } })
  return { ...answer, text, cachePolicy: undefined }
}

/** Puts other errors into the text; rare, so it may cost a parse. */
function withErrors(answer: Answer, errors: readonly GraphQLFormattedError[]): Answer {
  const response = JSON.parse(answer.text) as Record<string, unknown>
  return { ...answer, text: JSON.stringify({ ...response, errors }), errors }
}
