import { GraphQLError, type GraphQLFormattedError } from 'graphql'
import type { Log } from './log.ts'

/**
 * Every `extensions.code` of a top-level error, with the HTTP status of an answer that carries nothing but that error.
 * Top-level errors are for bugs, limits and authentication; what a caller may expect is a `Problem` in the schema.
 */
export const errorCodes = {
  UNAUTHENTICATED: { status: 401, meaning: 'The token is missing where one is needed, expired, revoked or not ours.' },
  FORBIDDEN: { status: 403, meaning: 'The viewer is known and may not do this.' },
  BAD_USER_INPUT: { status: 400, meaning: 'A variable or an argument has a value that its type does not allow.' },
  RATE_LIMITED: { status: 429, meaning: 'Too many requests; `extensions.retryAfter` gives the seconds to wait.' },
  QUERY_TOO_COMPLEX: { status: 400, meaning: 'The operation is beyond a limit; the message names it.' },
  STORE_UNAVAILABLE: { status: 503, meaning: 'A store that this answer needs cannot be reached.' },
  DEADLINE_EXCEEDED: { status: 504, meaning: 'The operation ran out of its time.' },
  INTERNAL_SERVER_ERROR: { status: 500, meaning: 'Our fault; `extensions.traceId` finds its cause in the log.' },
  SUBGRAPH_UNAVAILABLE: { status: 502, meaning: 'A subgraph could not be reached or did not answer in GraphQL.' },
  SUBGRAPH_OVERLOADED: { status: 503, meaning: 'Too many requests wait for a subgraph already.' },
  STREAM_CLOSED: {
    status: 503,
    meaning:
      'The server ends a subscription that is not over; `extensions.closeCode` is what a WebSocket would be closed with. Subscribe again from the last cursor.',
  },
  BAD_REQUEST: { status: 400, meaning: 'The request is not one of GraphQL over HTTP.' },
  GRAPHQL_PARSE_FAILED: { status: 400, meaning: 'The document is not GraphQL.' },
  GRAPHQL_VALIDATION_FAILED: { status: 400, meaning: 'The document does not fit the schema.' },
  INCREMENTAL_DELIVERY_NOT_SUPPORTED: { status: 400, meaning: 'The document uses `@defer` or `@stream`.' },
  OPERATION_RESOLUTION_FAILURE: { status: 400, meaning: 'The document holds no operation of the name given.' },
  PERSISTED_QUERY_NOT_FOUND: { status: 200, meaning: 'The hash is not known; send the document with it once.' },
  PERSISTED_QUERY_NOT_SUPPORTED: { status: 200, meaning: 'Persisted queries are switched off.' },
} as const satisfies Record<string, { status: number; meaning: string }>

export type ErrorCode = keyof typeof errorCodes

/** Every `ProblemCode` of the schema: failures that a caller may expect and handle in the type system. */
export const problemCodes = {
  NOT_FOUND: 'There is nothing of that id that the viewer may see.',
  INVALID_INPUT: 'A value of the input is not acceptable; `path` names it.',
  CONFLICT: 'The object has changed, or already exists, since the caller last looked.',
  LIMIT_EXCEEDED: 'More than a user may have or ask for.',
  FORBIDDEN: 'The viewer may see the object, and may not do this to it.',
  INVALID_CREDENTIALS: 'Name and secret do not fit, or the token is spent.',
  SECOND_FACTOR_REQUIRED: 'The secret is right, and the user has a second factor to prove as well.',
  BATCH_REJECTED: 'Items of a batch were refused, so none was taken.',
} as const satisfies Record<string, string>

export type ProblemCode = keyof typeof problemCodes

/** A top-level error with its code; anything else that is thrown is masked. */
export function codedError(code: ErrorCode, message: string, extensions: Record<string, unknown> = {}): GraphQLError {
  return new GraphQLError(message, { extensions: { ...extensions, code } })
}

/** The code of an error when it is one of ours, else undefined. */
export function codeOf(error: { readonly extensions?: Record<string, unknown> | undefined }): ErrorCode | undefined {
  const code = error.extensions?.code
  return typeof code === 'string' && Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : undefined
}

/** Whether an error tells of a fault whose words were never meant for a client. */
export function isUnexpected(error: { readonly extensions?: Record<string, unknown> | undefined }): boolean {
  const code = codeOf(error)
  return code === undefined || code === 'INTERNAL_SERVER_ERROR'
}

/**
 * What a client may know of an error. One that carries a code of ours passes; of any other only its place is kept,
 * with the trace id under which the log has the cause.
 */
export function maskError(error: GraphQLFormattedError, traceId: string): GraphQLFormattedError {
  if (!isUnexpected(error)) return error
  const place = {
    ...(error.locations === undefined ? {} : { locations: error.locations }),
    ...(error.path === undefined ? {} : { path: error.path }),
  }
  return { message: 'Internal server error', ...place, extensions: { code: 'INTERNAL_SERVER_ERROR', traceId } }
}

/** Turns whatever was thrown into errors fit for a client, and logs the cause of each that is masked. */
export function presentErrors(thrown: readonly unknown[], traceId: string, log: Log): GraphQLFormattedError[] {
  return thrown.map((cause) => {
    const error = cause instanceof GraphQLError ? cause : new GraphQLError(String(cause))
    const masked = maskError(error.toJSON(), traceId)
    if (isUnexpected(error)) log.error({ traceId, path: error.path, err: causeOf(cause) }, 'Unexpected error')
    return masked
  })
}

function causeOf(thrown: unknown): unknown {
  return thrown instanceof GraphQLError ? (thrown.originalError ?? thrown) : thrown
}
