import type { Client } from '../../lib/call.ts'

/** The headers, or entries of a socket's `connection_init`, that name a client: Apollo's, then Hive's two. */
const prefixes = ['apollographql-client', 'graphql-client', 'x-graphql-client'] as const
/** Names and versions are short and readable, so that they can stand in logs and metrics. */
const acceptable = /^[\w .:/@+()-]{1,64}$/

/** Who sent a request by its own word, or undefined when it does not say. */
export function clientOf(given: Readonly<Record<string, unknown>>): Client | undefined {
  for (const prefix of prefixes) {
    const name = given[`${prefix}-name`]
    if (typeof name === 'string' && acceptable.test(name)) return { name, version: versionIn(given, prefix) }
  }
  return undefined
}

function versionIn(given: Readonly<Record<string, unknown>>, prefix: string): string {
  const version = given[`${prefix}-version`]
  return typeof version === 'string' && acceptable.test(version) ? version : ''
}
