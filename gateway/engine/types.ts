import type { DocumentNode, GraphQLFormattedError, GraphQLSchema } from 'graphql'
import type { CachePolicy } from '../../lib/cache-control.ts'
import type { RequestContext } from '../../lib/context.ts'
import type { Placed } from '../../lib/live.ts'

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
  /** How long the answer may be kept; absent when the subgraph allows nothing. */
  readonly cachePolicy?: CachePolicy | undefined
}

/** A subgraph's events, and where they begin when the subgraph says so. */
export type SubgraphStream = AsyncIterable<SubgraphResponse> & Placed

/** The way to one subgraph: in process, or over HTTP. */
export interface Channel {
  execute(request: SubgraphRequest): Promise<SubgraphResponse>
  subscribe(request: SubgraphRequest): Promise<SubgraphStream>
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
  /** For an event of a subscription: where a reader who has seen it can resume. */
  readonly cursor?: string | undefined
  /** The reader was too slow for the stream, which ends with this response. */
  readonly isLagging?: true
  /** How long it may be kept; absent when it may not. */
  readonly cachePolicy?: CachePolicy | undefined
}

/** The answers to a subscription, one for each event, and where they begin when that is known. */
export type ResponseStream = AsyncIterable<EngineResponse> & Placed

/** A node of a plan: its kind, and what that kind has. */
export interface PlanDescription {
  readonly kind: string
  readonly [property: string]: unknown
}

/** How an operation runs, for people to read. */
export interface Explanation {
  /** What is fetched, in which order, as lines. */
  readonly plan: string
  /** The same as a tree. */
  readonly tree: { readonly kind: 'QueryPlan'; readonly node?: PlanDescription }
  /** The JavaScript that was generated for it. */
  readonly code: string
}

/** The federation engine over one supergraph. */
export interface Engine {
  /** The schema that clients see. */
  readonly schema: GraphQLSchema
  readonly supergraphSdl: string
  execute(request: OperationRequest): Promise<EngineResponse>
  /**
   * A stream of whole responses, one for each event. Readers of one operation with one authority share it. Ending the
   * iteration leaves it; the last one to leave closes the upstream.
   */
  subscribe(request: OperationRequest): Promise<ResponseStream>
  /** @throws GraphQLError when the operation cannot be planned. */
  explain(request: OperationRequest): Promise<Explanation>
  close(): Promise<void>
}
