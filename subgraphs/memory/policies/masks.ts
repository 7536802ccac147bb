import DataLoader from 'dataloader'
import type { Database } from '../../../stores/postgres/postgres.ts'
import type { MemoryContext } from '../context.ts'
import type { MemoryRecord, RevisionRecord } from '../records.ts'
import { decisionOf } from '../service/judge.ts'
import { type Circumstances, circumstancesOf, rulesOfOwners } from '../store/policies.ts'
import { blank, maskText, maskValue } from './mask.ts'
import { asksCircumstances, decide, inOrder, type Rule } from './rules.ts'

/** By which rules others' memories are masked for the viewer, asked once for all of a level; an owner reads his own as they are. */
export function createMasks(context: MemoryContext): DataLoader<MemoryRecord, readonly Rule[]> {
  return new DataLoader((memories) => context.read((db) => masksOf(context, db, memories)))
}

/** The same, inside a transaction. */
export async function masksOf(
  context: MemoryContext,
  db: Database,
  memories: readonly MemoryRecord[],
): Promise<(readonly Rule[])[]> {
  const owners = [...new Set(memories.map(({ ownerId }) => ownerId))]
  const rules = inOrder(await rulesOfOwners(db, owners))
  if (rules.length === 0) return memories.map(() => [])
  const around = rules.some(({ configuration }) => asksCircumstances(configuration.condition))
    ? await circumstancesOf(db, [...new Set(memories.map(({ id }) => id))])
    : new Map<string, Circumstances>()
  return memories.map((memory) => judge(context, rules, memory, around.get(memory.id)))
}

function judge(
  context: MemoryContext,
  rules: readonly Rule[],
  memory: MemoryRecord,
  around: Circumstances | undefined,
) {
  const now = context.stores.clock.now()
  // Not what it says: of the memories judged together one may be damaged.
  const { id: memoryId, ownerId, createdAt, tier, visibility, metadata } = memory
  const accessedAt = around?.accessedAt ?? createdAt
  const mode = around?.mode ?? null
  const facts = { ownerId, tier, visibility, metadata, createdAt, mode, accessedAt, accesses: around?.accesses ?? 0 }
  const made = [...decide(rules, 'SHARING', facts, now), ...decide(rules, 'REDACTION', facts, now)]
  context.stores.notes.decided(
    made.map((rule) => {
      const outcome = { masked: rule.action === 'DENY' ? 'CONTENT' : (rule.configuration.mask ?? null) }
      return { ...decisionOf(context, rule, now), phase: 'RETRIEVE', memoryId, ownerId, outcome }
    }),
  )
  return made.filter(({ action }) => action !== 'ALLOW')
}

/** A memory's content as the viewer may read it. */
export function contentFor(context: MemoryContext, memory: MemoryRecord): string | Promise<string> {
  if (memory.ownerId === context.viewer.userId) return memory.content
  return context.masks.load(memory).then((rules) => maskText(memory.content, rules))
}

/** Data that belongs to a memory, as the viewer may read it. */
export async function valueFor(context: MemoryContext, memory: MemoryRecord, data: unknown): Promise<unknown> {
  const value = await data
  if (memory.ownerId === context.viewer.userId || value == null) return value
  return maskValue(value, await context.masks.load(memory))
}

/** Words stored about a memory: whoever is not their owner reads as much of them as he may read of the memory. */
interface About {
  readonly ownerId: string
  readonly memoryId: string | null
  readonly content: string
  readonly metadata: unknown
}

/** By which rules words about a memory are masked for the viewer; null when he may not see the memory. */
export async function masksAbout(
  context: MemoryContext,
  { ownerId, memoryId }: About,
): Promise<readonly Rule[] | null> {
  if (memoryId === null || ownerId === context.viewer.userId) return []
  const memory = await context.loaders.memory.load(memoryId)
  return memory && context.masks.load(memory)
}

export async function contentAbout(context: MemoryContext, about: About): Promise<string> {
  const rules = await masksAbout(context, about)
  return rules === null ? blank : maskText(about.content, rules)
}

export async function metadataAbout(context: MemoryContext, about: About): Promise<unknown> {
  const rules = await masksAbout(context, about)
  return rules === null || about.metadata == null ? null : maskValue(about.metadata, rules)
}

/** A memory's revision as the viewer may read it: by what holds for the memory, and for what it was then. */
export async function revisionFor(context: MemoryContext, memory: MemoryRecord, revision: RevisionRecord) {
  const { tier, visibility, metadata, content, contextAnalysis } = revision
  const [now, then] = await context.masks.loadMany([memory, { ...memory, tier, visibility, metadata }])
  if (!Array.isArray(now) || !Array.isArray(then)) throw now instanceof Error ? now : then
  const rules = [...now, ...then]
  return {
    ...revision,
    content: maskText(content, rules),
    metadata: maskValue(metadata, rules),
    contextAnalysis: maskValue(contextAnalysis, rules),
  }
}
