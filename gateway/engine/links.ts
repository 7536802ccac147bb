import { type ConstDirectiveNode, type ConstValueNode, type DocumentNode, Kind } from 'graphql'
import { text } from './supergraph-facts.ts'

/** One `@link` (link v1.0) or `@core` (core v0.2) of a supergraph. */
export interface Link {
  readonly url: string
  /** The last part of the URL before its version. */
  readonly feature: string
  /** What the feature's own names begin with here. */
  readonly namespace: string
  /** What becomes of the graph when the feature is not understood; undefined when nothing does. */
  readonly purpose: string | undefined
  /** The feature's directives that go by a name of their own here, without the `@`. */
  readonly imports: ReadonlyMap<string, string>
}

export function readLinks(document: DocumentNode): readonly Link[] {
  const schema = document.definitions.find((node) => node.kind === Kind.SCHEMA_DEFINITION)
  return (schema?.directives ?? []).flatMap((use) => readLink(use) ?? [])
}

function readLink(use: ConstDirectiveNode): Link | undefined {
  const url = text(use, 'url') ?? text(use, 'feature')
  if (url === undefined) return undefined
  const feature = /\/([^/]+)\/v[\d.]+\/?$/.exec(url)?.[1] ?? url
  const imports = use.arguments?.find(({ name }) => name.value === 'import')?.value
  return {
    url,
    feature,
    namespace: text(use, 'as') ?? feature,
    purpose: text(use, 'for'),
    imports: new Map(imports?.kind === Kind.LIST ? imports.values.flatMap(readImport) : []),
  }
}

function readImport(value: ConstValueNode): (readonly [string, string])[] {
  const bare = (name: string) => name.replace(/^@/, '')
  if (value.kind === Kind.STRING) return [[bare(value.value), bare(value.value)]]
  if (value.kind !== Kind.OBJECT) return []
  const entry = (key: string) => value.fields.find(({ name }) => name.value === key)?.value
  const name = entry('name')
  const as = entry('as')
  if (name?.kind !== Kind.STRING) return []
  return [[bare(name.value), bare(as?.kind === Kind.STRING ? as.value : name.value)]]
}

/** The name of one of Apollo's directives in a supergraph (link v1.0, "Name conventions"); undefined when not linked. */
export function linkedDirective(links: readonly Link[], feature: string, directive = feature): string | undefined {
  const link = links.find(({ url }) => url.startsWith(`https://specs.apollo.dev/${feature}/v`))
  if (link === undefined) return undefined
  const imported = link.imports.get(directive)
  return imported ?? (directive === feature ? link.namespace : `${link.namespace}__${directive}`)
}
