import type { DocumentNode, GraphQLFormattedError, GraphQLSchema } from 'graphql'
import type { RequestContext } from '../../lib/context.ts'

/** One operation that a subgraph is asked to run. */
export interface SubgraphRequest {
  readonly subgraph: string
  readonly kind: 'query' | 'mutation' | 'subscription'
  /** The operation's text; the same text always means the same document, so channels may cache what they parse. */
  readonly operation: string
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
  /** The same variables as JSON text: made from what the engine has as text already, so cheaper than stringifying. */
  readonly variablesText?: string
  readonly context: RequestContext
}

/** What a subgraph answers: GraphQL's response shape, already parsed. */
export interface SubgraphResponse {
  readonly data?: Record<string, unknown> | null
  readonly errors?: readonly GraphQLFormattedError[]
  readonly extensions?: Record<string, unknown>
}

/** The way to one subgraph: in process, or over HTTP. */
export interface Channel {
  execute(request: SubgraphRequest): Promise<SubgraphResponse>
  subscribe(request: SubgraphRequest): Promise<AsyncIterable<SubgraphResponse>>
  close(): Promise<void>
}

/** An operation that has been parsed and validated against the API schema. */
export interface OperationRequest {
  readonly query: string
  readonly document: DocumentNode
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
  readonly context: RequestContext
}

/** A GraphQL response whose data is JSON text already. */
export interface EngineResponse {
  /** The whole response, `{"data":…,"errors":…,"extensions":…}`, as JSON text. */
  readonly text: string
  /** The errors in it, for logs and metrics; empty when there are none. */
  readonly errors: readonly GraphQLFormattedError[]
}

/** The federation engine over one supergraph. */
export interface Engine {
  /** The schema that clients see. */
  readonly schema: GraphQLSchema
  readonly supergraphSdl: string
  execute(request: OperationRequest): Promise<EngineResponse>
  /** A stream of whole responses, one for each event. Ending the iteration closes the upstream. */
  subscribe(request: OperationRequest): Promise<AsyncIterable<EngineResponse>>
  close(): Promise<void>
}
