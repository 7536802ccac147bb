import { composeServices } from '@theguild/federation-composition'
import { type DocumentNode, type GraphQLError, parse } from 'graphql'

/** A subgraph's schema, as it is composed. */
export interface SubgraphSchema {
  readonly name: string
  readonly typeDefs: string | DocumentNode
  readonly url?: string
}

/** The subgraphs do not fit together; the message and `errors` give every reason. */
export class CompositionError extends Error {
  override readonly name = 'CompositionError'
  readonly errors: readonly GraphQLError[]

  constructor(errors: readonly GraphQLError[]) {
    super(`The subgraphs do not compose:\n${errors.map(({ message }) => `- ${message}`).join('\n')}`)
    this.errors = errors
  }
}

/**
 * Composes subgraphs into a supergraph and gives its SDL.
 * @throws CompositionError when they do not fit together, GraphQLError when a subgraph's SDL does not parse.
 */
export function compose(subgraphs: readonly SubgraphSchema[]): string {
  const composed = composeServices(
    subgraphs.map(({ name, typeDefs, url }) => ({
      name,
      typeDefs: typeof typeDefs === 'string' ? parse(typeDefs) : typeDefs,
      ...(url === undefined ? {} : { url }),
    })),
  )
  if (composed.errors) throw new CompositionError(composed.errors)
  return composed.supergraphSdl
}
