import { z } from 'zod'
import type { ChannelPolicy } from './engine/channel/resilient.ts'
import { type HeaderRules, headerSettings } from './header-rules.ts'
import { number } from './setting-kinds.ts'

/** How one subgraph is reached. */
export interface SubgraphSettings extends ChannelPolicy, HeaderRules {
  /** Connections kept alive to it. */
  readonly connections: number
  /** Bytes of an answer, or of one event of a subscription; a larger one is refused. */
  readonly maxResponseBytes: number
}

/** The settings of all subgraphs: what holds for each, and by name what differs. */
export interface SubgraphsConfig {
  readonly all: SubgraphSettings
  readonly named: Readonly<Record<string, Partial<SubgraphSettings>>>
}

const url = z.string().refine((text) => /^https?:\/\//.test(text) && URL.canParse(text), {
  error: 'must be a URL that begins with http:// or https://',
})

/** By the end of a setting's name: the property that it sets. */
const kinds = {
  TIMEOUT_MS: { key: 'timeoutMs', schema: number(0, 3_600_000) },
  RETRIES: { key: 'retries', schema: number(0, 10) },
  CONNECTIONS: { key: 'connections', schema: number(1, 10_000) },
  CONCURRENCY: { key: 'concurrency', schema: number(1, 100_000) },
  QUEUE: { key: 'queue', schema: number(0, 1_000_000) },
  BREAKER_PERCENT: { key: 'breakerPercent', schema: number(0, 100) },
  BREAKER_OPEN_MS: { key: 'breakerOpenMs', schema: number(1, 3_600_000) },
  MAX_RESPONSE_BYTES: { key: 'maxResponseBytes', schema: number(1024, 1 << 30) },
  ...headerSettings,
} as const satisfies Record<string, { key: keyof SubgraphSettings; schema: z.ZodType }>

const defaults: SubgraphSettings = {
  timeoutMs: 0,
  retries: 2,
  connections: 64,
  concurrency: 64,
  queue: 1000,
  breakerPercent: 50,
  breakerOpenMs: 5000,
  maxResponseBytes: 32 * 1024 * 1024,
  propagateHeaders: [],
  removeHeaders: [],
  insertHeaders: {},
}

const urlName = /^SUBGRAPH_([A-Z][A-Z0-9_]*)_URL$/
const settingName = new RegExp(`^SUBGRAPH_(?:([A-Z][A-Z0-9_]*)_)?(${Object.keys(kinds).join('|')})$`)

/** Settings under the properties that they set, of the types that their schemas saw to. */
type Given = Partial<Record<keyof SubgraphSettings, unknown>>

interface Taken {
  /** Subgraph name, in small letters, to its URL. */
  readonly urls: Record<string, string>
  readonly subgraphs: SubgraphsConfig
  readonly mistakes: { readonly name: string; readonly message: string }[]
}

/**
 * Moves `SUBGRAPH_<NAME>_URL`, and what is said of all subgraphs (`SUBGRAPH_<WHAT>`) or one (`SUBGRAPH_<NAME>_<WHAT>`),
 * out of `values`.
 */
export function takeSubgraphSettings(values: Record<string, string>): Taken {
  const all: Given = {}
  const named: Record<string, Given> = {}
  const urls: Record<string, string> = {}
  const mistakes: { name: string; message: string }[] = []
  for (const [name, value] of Object.entries(values)) {
    const subgraph = urlName.exec(name)?.[1]
    const [, owner, end] = settingName.exec(name) ?? []
    if (subgraph === undefined && end === undefined) continue
    delete values[name]
    const read =
      subgraph !== undefined ? url.safeParse(value) : kinds[end as keyof typeof kinds].schema.safeParse(value)
    if (!read.success) mistakes.push({ name, message: String(read.error.issues[0]?.message) })
    else if (subgraph !== undefined) urls[subgraph.toLowerCase()] = value
    else {
      const own = owner?.toLowerCase()
      const target = own === undefined ? all : (named[own] ?? {})
      if (own !== undefined) named[own] = target
      target[kinds[end as keyof typeof kinds].key] = read.data
    }
  }
  const subgraphs = { all: { ...defaults, ...asManyAsConnections(all as Partial<SubgraphSettings>) }, named }
  return { urls, mistakes, subgraphs: subgraphs as SubgraphsConfig }
}

/** A connection carries one request at a time: with more at once, the rest would wait in the pool, and without bound. */
function asManyAsConnections(given: Partial<SubgraphSettings>): Partial<SubgraphSettings> {
  return given.connections === undefined ? given : { concurrency: given.connections, ...given }
}

/** The settings of a subgraph. */
export function subgraphSettings({ all, named }: SubgraphsConfig, subgraph: string): SubgraphSettings {
  return { ...all, ...asManyAsConnections(named[subgraphSettingName(subgraph).toLowerCase()] ?? {}) }
}

/** A subgraph's name as it stands in the name of a setting: an environment takes capitals, digits and `_`. */
export function subgraphSettingName(subgraph: string): string {
  return subgraph.toUpperCase().replaceAll(/\W/g, '_')
}

/** The settings of all subgraphs that some setting tells apart, and of the rest. */
export function everySubgraphSettings(config: SubgraphsConfig): SubgraphSettings[] {
  return [config.all, ...Object.keys(config.named).map((name) => subgraphSettings(config, name))]
}
