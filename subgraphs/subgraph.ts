import { readdirSync, readFileSync } from 'node:fs'
import { buildSubgraphSchema } from '@apollo/subgraph'
import { type DocumentNode, type GraphQLSchema, parse } from 'graphql'
import type { RequestContext } from '../lib/context.ts'
import type { Job } from '../stores/jobs.ts'
import type { Projector } from '../stores/projector.ts'
import type { Stores } from '../stores/stores.ts'
import { nodeStubs } from './node.ts'
import { withPageSizes } from './page-sizes.ts'
import { sharedResolvers } from './scalars.ts'
import { withScopes } from './scopes.ts'

/**
 * A room: one subgraph, defined by its folder. It knows its own tables and nothing of other rooms; what it shows of
 * another's entity is that entity's id.
 */
export interface Room<Context> {
  readonly name: string
  /** The folder that holds `schema.graphql`, and beside it further files that extend it. */
  readonly directory: string
  // biome-ignore lint/suspicious/noExplicitAny: resolvers of one room differ in parent and arguments from field to field
  readonly resolvers: Record<string, any>
  /** What resolvers see, made anew for each execution: loaders never outlive it, so they never mix viewers. */
  context(stores: Stores, request: RequestContext): Context
  /** What the room keeps up to date by following the log of events. */
  projectors?(stores: Stores): readonly Projector[]
  /** What the room does from time to time, whoever asks. */
  jobs?(stores: Stores): readonly Job[]
  /** Whether the room signs access tokens, so that a process of its own needs the private key. */
  readonly issuesTokens?: true
  /**
   * Whether the room keeps files, encrypted: a process of its own needs the encryption keys, and the data directory that
   * the gateway has.
   */
  readonly keepsFiles?: true
  /** Makes what must be there before the room serves; answers what whoever starts the server should be told. */
  prepare?(stores: Stores): Promise<readonly string[]>
}

/** Says what a room is; only there so that the room's context is inferred once for all its parts. */
export function defineRoom<Context>(room: Room<Context>): Room<Context> {
  return room
}

const common = readFileSync(new URL('common.graphql', import.meta.url), 'utf8')

/** A room's schema as composition reads it: its own file and what all rooms share. */
export function roomTypeDefs(room: Room<unknown>, rooms: readonly Room<unknown>[]): DocumentNode {
  const own = ownSchema(room)
  return withPageSizes(
    parse(`${common}
${own}
${nodeStubs(own, rooms.map(ownSchema))}`),
  )
}

/** A room's executable schema. */
export function roomSchema(room: Room<unknown>, rooms: readonly Room<unknown>[]): GraphQLSchema {
  const resolvers = { ...sharedResolvers, ...room.resolvers }
  return withScopes(buildSubgraphSchema([{ typeDefs: roomTypeDefs(room, rooms), resolvers }]), room.name)
}

function ownSchema(room: Room<unknown>): string {
  const files = readdirSync(room.directory).filter((name) => name.endsWith('.graphql'))
  return files
    .sort()
    .map((name) => readFileSync(`${room.directory}/${name}`, 'utf8'))
    .join('\n')
}
