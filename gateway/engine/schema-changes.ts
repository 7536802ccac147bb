import { buildSchema, findBreakingChanges, findDangerousChanges, type GraphQLSchema } from 'graphql'
import { readSupergraph } from './supergraph.ts'

/** A change that clients may notice. */
export interface SchemaChange {
  /** Of which kind, such as `FIELD_REMOVED`. */
  readonly type: string
  readonly description: string
}

/** What a newer schema changes for clients of an older one. */
export interface SchemaChanges {
  /** Operations that were valid may not be any more. */
  readonly breaking: readonly SchemaChange[]
  /** Operations stay valid, and clients may meet what they do not know, such as a new enum value. */
  readonly dangerous: readonly SchemaChange[]
}

export function schemaChanges(before: GraphQLSchema, after: GraphQLSchema): SchemaChanges {
  return { breaking: findBreakingChanges(before, after), dangerous: findDangerousChanges(before, after) }
}

/**
 * The schema that clients see, from a supergraph's SDL or from its own.
 * @throws SupergraphError or GraphQLError when the text is neither.
 */
export function clientSchema(sdl: string): GraphQLSchema {
  return /\benum\s+join__Graph\b/.test(sdl) ? readSupergraph(sdl).schema : buildSchema(sdl)
}
