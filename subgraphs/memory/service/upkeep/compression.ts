import { packText } from '../../../../lib/packed-text.ts'
import { invalidInput } from '../../../../lib/problems.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import { undamaged } from '../../../packed-rows.ts'
import type { MemoryContext } from '../../context.ts'
import { checkBatchSize, firstProblem, limits } from '../../limits.ts'
import { decide, type Rule } from '../../policies/rules.ts'
import type { MemoryTier } from '../../records.ts'
import {
  type Change,
  type Content,
  contentsOf,
  findOtherwiseStored,
  storeContents,
  type Way,
} from '../../store/compression.ts'
import { insertDecisions } from '../../store/decisions.ts'
import { holdByIds, type Kept } from '../../store/upkeep.ts'
import { decisionOf, rulesFor } from '../judge.ts'

export interface CompressColdMemoriesInput {
  readonly first?: number | null
  readonly at?: Date | null
  readonly tiers?: readonly MemoryTier[] | null
  readonly clientMutationId?: string | null
}

/** Packing takes a second for about so many bytes. */
const bytesAtOnce = 1_000_000

/** Stores the viewer's own memories as rules say: packed, or plain again. */
export async function compressColdMemories(context: MemoryContext, input: CompressColdMemoriesInput) {
  const { stores, request } = context
  const now = stores.clock.now()
  const problem = firstProblem(
    () => checkBatchSize(input.first, ['input', 'first']),
    () => (input.at && input.at > now ? invalidInput('What has yet to grow cold is left.', 'input', 'at') : null),
  )
  if (problem) return problem
  const page = { at: input.at ?? now, tiers: input.tiers ?? null, most: input.first ?? limits.batch }
  let prepared = await prepareContents(context, { ...page, after: 0 })
  while (prepared.changes === 0 && prepared.after !== null) {
    prepared = await prepareContents(context, { ...page, after: prepared.after })
  }
  return mutate(stores, request, { name: 'compressColdMemories', input, room: 'memory' }, async (unit) => {
    const { compressed, expanded, originalBytes, storedBytes } = await storePrepared(context, unit, prepared)
    const complete = prepared.after === null
    const done = { compressed, expanded, complete, originalBytes, storedBytes }
    return { __typename: 'CompressColdMemoriesSuccess', ...done } satisfies Answer
  })
}

interface Page {
  readonly at: Date
  readonly tiers: readonly MemoryTier[] | null
  readonly after: number
  readonly most: number
}

/** Contents as they are to be stored from now on. */
interface Prepared {
  readonly at: Date
  readonly compress: readonly Change[]
  readonly expand: readonly Change[]
  readonly changes: number
  /** The place after which to go on; null when there is no more. */
  readonly after: number | null
}

/**
 * Packs, and unpacks, what rules want stored otherwise. Outside of any transaction: it takes its time, and nobody has to
 * wait for it, since a revision never says anything else than it does.
 */
export async function prepareContents(context: MemoryContext, { at, tiers, after, most }: Page): Promise<Prepared> {
  const ownerId = context.viewer.userId
  const rules = await context.read((db) => rulesFor(db, ownerId))
  const asking = rules.filter(({ action }) => action === 'COMPRESS' || action === 'EXPAND')
  if (asking.length === 0) return { at, compress: [], expand: [], changes: 0, after: null }
  const search = { ownerId, rules: asking, now: at, after, most, tiers }
  const found = await context.read((db) => findOtherwiseStored(db, search))
  const read = async (way: Way) => {
    const ids = found.filter((memory) => ruleFor(rules, memory, at)?.action === way).map(({ id }) => id)
    const { contents, complete } = await context.read((db) => contentsOf(db, way, ids, bytesAtOnce))
    return { contents: undamaged(contents, context.stores.logger), complete }
  }
  const [cold, warm] = [await read('COMPRESS'), await read('EXPAND')]
  const compress: Change[] = []
  // One after the other: the threads that pack are there for others too.
  for (const content of cold.contents) compress.push(await packed(content, context.stores.clock.now()))
  const expand = warm.contents.map((content) => ({ ...content, packed: null, metadata: null }))
  const changes = compress.length + expand.length
  // What was cut off is found again from the same place, since what was done is not.
  const cut = changes > 0 && !(cold.complete && warm.complete)
  const last = found.length < most ? null : (found.at(-1)?.ordinal ?? null)
  return { at, compress, expand, changes, after: cut ? after : last }
}

/** By which rule a memory is packed, or plain. What was revised was used as well as what was read. */
function ruleFor(rules: readonly Rule[], memory: Kept, at: Date): Rule | null {
  const { accessedAt, updatedAt } = memory
  const facts = { ...memory, accessedAt: updatedAt > accessedAt ? updatedAt : accessedAt }
  const decided = decide(rules, 'COMPRESSION', facts, at)
  return (
    decided.find(({ action }) => action === 'COMPRESS') ?? decided.find(({ action }) => action === 'EXPAND') ?? null
  )
}

async function packed({ id, memoryId, content }: Content, now: Date): Promise<Change> {
  const bytes = await packText(content)
  if (bytes === null) return { id, memoryId, content, packed: null, metadata: [] }
  const second = Math.floor(now.getTime() / 1000)
  return {
    id,
    memoryId,
    content: null,
    packed: bytes,
    metadata: [[...content].length, Buffer.byteLength(content), second],
  }
}

/** Stores what was prepared, as far as rules still want it, and logs what was decided. */
export async function storePrepared(context: MemoryContext, { tx }: Unit, { at, compress, expand }: Prepared) {
  const ownerId = context.viewer.userId
  const ids = [...new Set([...compress, ...expand].map(({ memoryId }) => memoryId))]
  const rules = await rulesFor(tx, ownerId)
  const held = await holdByIds(tx, ownerId, ids)
  const ruleOf = new Map(held.map((memory) => [memory.id, ruleFor(rules, memory, at)]))
  const store = async (way: Way, changes: readonly Change[]) => {
    const wanted = changes.filter(({ memoryId }) => ruleOf.get(memoryId)?.action === way)
    const stored = await storeContents(tx, way, wanted)
    const told = wanted.filter(({ id, metadata }) => stored.has(id) && metadata?.length !== 0)
    return Map.groupBy(told, ({ memoryId }) => memoryId)
  }
  const [compressed, expanded] = [await store('COMPRESS', compress), await store('EXPAND', expand)]
  const now = context.stores.clock.now()
  await insertDecisions(
    tx,
    [...compressed, ...expanded].flatMap(([memoryId, changes]) => {
      const rule = ruleOf.get(memoryId)
      const outcome = { revisions: changes.length, ...sizesOf(changes) }
      return rule ? [{ ...decisionOf(context, rule, now), phase: 'UPKEEP' as const, memoryId, ownerId, outcome }] : []
    }),
  )
  return { compressed: compressed.size, expanded: expanded.size, ...sizesOf([...compressed.values()].flat()) }
}

/** What contents take plain, and as they are stored. */
function sizesOf(changes: readonly Change[]) {
  const sizes = changes.map(({ content, packed, metadata }) => {
    const plain = metadata?.[1] ?? Buffer.byteLength(content ?? '')
    return { plain, stored: packed?.length ?? plain }
  })
  const originalBytes = sizes.reduce((sum, { plain }) => sum + plain, 0)
  return { originalBytes, storedBytes: sizes.reduce((sum, { stored }) => sum + stored, 0) }
}
