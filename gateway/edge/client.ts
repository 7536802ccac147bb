import type { Client } from '../../lib/call.ts'

/** The headers, or entries of a socket's `connection_init`, that name a client: Apollo's, then Hive's two. */
const names = ['apollographql-client', 'graphql-client', 'x-graphql-client'].map((prefix) => ({
  name: `${prefix}-name`,
  version: `${prefix}-version`,
}))
/** Names and versions are short and readable, so that they can stand in logs and metrics. */
const acceptable = /^[\w .:/@+()-]{1,64}$/

/** Who sent a request by its own word, or undefined when it does not say. */
export function clientOf(given: Readonly<Record<string, unknown>>): Client | undefined {
  for (const own of names) {
    const name = given[own.name]
    if (typeof name === 'string' && acceptable.test(name)) return { name, version: versionIn(given[own.version]) }
  }
  return undefined
}

function versionIn(version: unknown): string {
  return typeof version === 'string' && acceptable.test(version) ? version : ''
}
