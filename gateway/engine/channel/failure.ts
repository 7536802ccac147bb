import { GraphQLError } from 'graphql'

/**
 * How a subgraph failed: `unreached` when nobody answered, so that another attempt may; `answered` when what came is no
 * GraphQL; `oversized` when the answer was too large, which says nothing of the subgraph's health.
 */
export type FailureKind = 'unreached' | 'answered' | 'oversized'

/** A subgraph that did not answer in GraphQL. */
export class SubgraphFailure extends GraphQLError {
  readonly kind: FailureKind

  constructor(message: string, kind: FailureKind) {
    super(message, { extensions: { code: 'SUBGRAPH_UNAVAILABLE' } })
    this.kind = kind
  }
}

/** A failure whose message says what the subgraph did. */
export function unavailable(subgraph: string, what: string, kind: FailureKind = 'answered'): SubgraphFailure {
  return new SubgraphFailure(`Subgraph "${subgraph}" ${what}.`, kind)
}
