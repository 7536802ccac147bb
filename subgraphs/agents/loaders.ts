import DataLoader from 'dataloader'
import type { AgentModel } from '../../generated/prisma/models/Agent.ts'
import type { ToolModel } from '../../generated/prisma/models/Tool.ts'
import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { loaderReads, type Read } from '../loader-reads.ts'
import { type EventRecord, findEvents } from './blackboard-store.ts'
import { countLinks, type LinkList, type LinkPage, type LinkRecord, readLinks } from './links.ts'
import { findAgents, findTools } from './store.ts'

/** A page of one parent's list. */
export interface LinkKey {
  readonly list: LinkList
  readonly parent: string
  readonly page: LinkPage
}

export type CountKey = Pick<LinkKey, 'list' | 'parent'>

/** Reads of one execution, joined into one statement a level. */
export interface Loaders {
  readonly agents: DataLoader<string, AgentModel | null>
  readonly tools: DataLoader<string, ToolModel | null>
  readonly events: DataLoader<string, EventRecord | null>
  readonly links: DataLoader<LinkKey, readonly LinkRecord[], string>
  readonly linkCounts: DataLoader<CountKey, number, string>
}

export function createLoaders(stores: Stores, request: RequestContext): Loaders {
  const read = loaderReads(stores, request, 'agents')
  return {
    agents: byId(read, findAgents),
    tools: byId(read, findTools),
    events: byId(read, findEvents),
    links: new DataLoader((keys) => loadLinks(read, keys), { cacheKeyFn: JSON.stringify }),
    linkCounts: new DataLoader((keys) => loadCounts(read, keys), { cacheKeyFn: JSON.stringify }),
  }
}

function byId<T extends { id: string }>(read: Read, find: (db: Database, ids: readonly string[]) => Promise<T[]>) {
  return new DataLoader<string, T | null>(async (ids) => {
    const rows = new Map((await read((db) => find(db, ids))).map((row) => [row.id, row]))
    return ids.map((id) => rows.get(id) ?? null)
  })
}

/** All parents of one list and page in one statement; a field has the same page for all its parents. */
async function loadLinks(read: Read, keys: readonly LinkKey[]): Promise<LinkRecord[][]> {
  const groups = Map.groupBy(keys, ({ list, page }) => JSON.stringify([list, page]))
  const found = new Map<LinkKey, LinkRecord[]>()
  await Promise.all(
    [...groups.values()].map(async (group) => {
      const { list, page } = group[0] as LinkKey
      const rows = await read((db) => readLinks(db, list, parentsOf(group), page))
      const byParent = Map.groupBy(rows, ({ parent }) => parent)
      for (const key of group) found.set(key, byParent.get(key.parent) ?? [])
    }),
  )
  return keys.map((key) => found.get(key) ?? [])
}

async function loadCounts(read: Read, keys: readonly CountKey[]): Promise<number[]> {
  const groups = Map.groupBy(keys, ({ list }) => list)
  const counts = new Map<LinkList, ReadonlyMap<string, number>>()
  await Promise.all(
    [...groups].map(async ([list, group]) => {
      counts.set(list, await read((db) => countLinks(db, list, parentsOf(group))))
    }),
  )
  return keys.map(({ list, parent }) => counts.get(list)?.get(parent) ?? 0)
}

function parentsOf(keys: readonly CountKey[]): string[] {
  return keys.map(({ parent }) => parent)
}
