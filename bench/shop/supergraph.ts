import { printSchema } from 'graphql'
import { compose } from '../../gateway/engine/compose.ts'
import { readSupergraph } from '../../gateway/engine/supergraph.ts'
import { shop } from './shop.ts'

/** The shop's supergraph, with its subgraphs at these URLs. */
export function shopSupergraph(urls: Readonly<Record<string, string>>): string {
  return compose(shop(0).map(({ name, sdl }) => ({ name, typeDefs: sdl, url: urls[name] ?? `http://${name}.invalid` })))
}

/** What clients see of it. */
export function shopApi(): string {
  return printSchema(readSupergraph(shopSupergraph({})).schema)
}
