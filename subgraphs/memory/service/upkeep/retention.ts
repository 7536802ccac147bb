import type { Database } from '../../../../stores/postgres/postgres.ts'
import type { Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { revisedEvent } from '../../events.ts'
import { daysAfter, decide, type Rule } from '../../policies/rules.ts'
import { insertDecisions } from '../../store/decisions.ts'
import { nextKnownFrom } from '../../store/revisions.ts'
import { findMiskept, holdByIds, holdMiskept, insertUpkept, type Kept, seeExpired } from '../../store/upkeep.ts'
import { decisionOf, rulesFor } from '../judge.ts'

const pageSize = 500

/** Until when a memory is kept, and by which rule. */
export interface Keeping {
  readonly memory: Kept
  readonly until: Date | null
  readonly rule: Rule
  /** Whether some rule that is about it wants what has expired to be archived. */
  readonly archive: boolean
}

/** What the owner asked for, called after where he said it. */
const asked: Rule = {
  id: null,
  ownerId: null,
  name: 'retentionUntil',
  kind: 'RETENTION',
  action: 'KEEP',
  priority: 0,
  configuration: { condition: {} },
}

/** What rules and its owner say of a memory now: of two times the earlier. */
export function keepingOf(memory: Kept, rules: readonly Rule[], now: Date): Keeping {
  const keeping = decide(rules, 'RETENTION', memory, now).filter(({ action }) => action === 'KEEP')
  const archive = keeping.some(({ configuration }) => configuration.archive === true)
  const [first] = keeping
    .map((rule) => ({ rule, until: daysAfter(memory.keptFrom, rule.configuration.keepDays ?? 0) }))
    .sort((one, other) => one.until.getTime() - other.until.getTime())
  const { retentionAsked } = memory
  const byRule = first && (retentionAsked === null || first.until < retentionAsked)
  return byRule ? { memory, archive, ...first } : { memory, archive, until: retentionAsked, rule: asked }
}

/**
 * Works out anew until when the owner's next memories are kept: rules come, change and go, and what they ask about does too.
 * @returns the place after which to go on; null when there is no more
 */
export async function keepByRules(context: MemoryContext, unit: Unit, after: number): Promise<number | null> {
  const { viewer, stores } = context
  const now = stores.clock.now()
  // What is over by a rule that is gone is not over.
  await seeExpired(unit.tx)
  const rules = await retentionRules(unit.tx, viewer.userId)
  const found = await holdMiskept(unit.tx, { ownerId: viewer.userId, rules, now, after, most: pageSize })
  await keepUntil(
    context,
    unit,
    found.map((memory) => keepingOf(memory, rules, now)),
    now,
  )
  return found.length < pageSize ? null : (found.at(-1)?.ordinal ?? null)
}

/** The same for some of the owner's memories, whose rules may have changed just now. @returns how many could be held */
export async function keepThese(context: MemoryContext, unit: Unit, ids: readonly string[]): Promise<number> {
  const { viewer, stores } = context
  const now = stores.clock.now()
  await seeExpired(unit.tx)
  const rules = await retentionRules(unit.tx, viewer.userId)
  const held = await holdByIds(unit.tx, viewer.userId, ids)
  await keepUntil(
    context,
    unit,
    held.map((memory) => keepingOf(memory, rules, now)),
    now,
  )
  return held.length
}

/** Whether all of the owner's memories are kept for as long as rules say now. */
export async function areKeptByRules(context: MemoryContext): Promise<boolean> {
  const { viewer, stores } = context
  const now = stores.clock.now()
  const miskept = await context.readAll(async (db) => {
    const rules = await retentionRules(db, viewer.userId)
    return findMiskept(db, { ownerId: viewer.userId, rules, now, after: 0, most: 1 })
  })
  return miskept.length === 0
}

async function retentionRules(db: Database, ownerId: string): Promise<readonly Rule[]> {
  return (await rulesFor(db, ownerId)).filter(({ kind }) => kind === 'RETENTION')
}

/** Gives memories, which must be held, the time that is theirs: each a revision, and an event. */
export async function keepUntil(
  context: MemoryContext,
  { tx, append }: Unit,
  keeping: readonly Keeping[],
  now: Date,
): Promise<void> {
  const { viewer, stores } = context
  const changed = keeping.filter(({ memory, until }) => until?.getTime() !== memory.retentionUntil?.getTime())
  if (changed.length === 0) return
  await insertUpkept(
    tx,
    changed.map(({ memory, until }) => ({
      id: memory.id,
      revisionId: stores.ids.next(),
      tier: memory.tier,
      retentionUntil: until,
      knownFrom: nextKnownFrom(memory, now),
      keptFrom: memory.keptFrom,
    })),
  )
  await append(
    changed.map(({ memory }) => {
      const before = { ...memory, tenantId: viewer.tenantId }
      return revisedEvent({ ...before, version: memory.version + 1 }, before)
    }),
  )
  await insertDecisions(
    tx,
    changed.map(({ memory, rule, until }) => ({
      ...decisionOf(context, rule, now),
      phase: 'UPKEEP',
      memoryId: memory.id,
      ownerId: memory.ownerId,
      outcome: { retentionUntil: until },
    })),
  )
}
