import { type PageArguments, parsePage, toConnection } from '../../../../lib/connection.ts'
import { conflict, invalidInput, ProblemError } from '../../../../lib/problems.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { expiredEvent } from '../../events.ts'
import { checkBatchSize, firstProblem, limits } from '../../limits.ts'
import type { MemoryTier } from '../../records.ts'
import { insertDecisions } from '../../store/decisions.ts'
import { expiredMemories } from '../../store/memories.ts'
import { eraseMemories } from '../../store/revisions.ts'
import {
  awaitChanges,
  countExpired,
  expiredOfNames,
  hideExpired,
  holdExpired,
  type Over,
  seeExpired,
} from '../../store/upkeep.ts'
import { decisionOf, rulesFor } from '../judge.ts'
import { archiveMemories } from './archive.ts'
import { type Keeping, keepingOf, keepThese, keepUntil } from './retention.ts'

export interface CleanUpExpiredInput {
  readonly first?: number | null
  readonly at?: Date | null
  readonly tiers?: readonly MemoryTier[] | null
  readonly archive?: boolean | null
  readonly clientMutationId?: string | null
}

/** The viewer's own memories whose time is over at a moment. */
export async function listExpired(context: MemoryContext, at: Date | null, args: PageArguments) {
  const until = at ?? context.stores.clock.now()
  const page = parsePage(args, ['expired memories', at])
  const { userId } = context.viewer
  const rows = await context.readAll((db) => expiredMemories(db, userId, until, page))
  const totalCount = () => context.readAll((db) => countExpired(db, until, null))
  return { ...toConnection(rows, page, ({ ordinal }) => [ordinal]), totalCount }
}

/** Removes the viewer's memories whose time is over, a batch at a time. */
export async function cleanUpExpired(context: MemoryContext, input: CleanUpExpiredInput) {
  const { stores, request } = context
  const now = stores.clock.now()
  const problem = firstProblem(
    () => checkBatchSize(input.first, ['input', 'first']),
    () => (input.at && input.at > now ? invalidInput('What has yet to expire is kept.', 'input', 'at') : null),
  )
  if (problem) return problem
  const at = input.at ?? now
  const tiers = input.tiers ?? null
  return mutate(stores, request, { name: 'cleanUpExpired', input, room: 'memory' }, async (unit) => {
    const most = input.first ?? limits.batch
    const { expired, archiveId } = await expire(context, unit, { at, tiers, most }, input.archive === true)
    const remaining = await countExpired(unit.tx, at, tiers)
    return { __typename: 'CleanUpExpiredSuccess', expired, remaining, archiveId } satisfies Answer
  })
}

/**
 * Removes one batch of the owner's memories whose time is over; archives all of them, or those whose rule says so. Rules
 * are asked again before: what they would keep longer now is kept.
 */
export async function expire(context: MemoryContext, unit: Unit, batch: Over, archive: boolean) {
  const { tx, append } = unit
  const { viewer, stores } = context
  const [, held, rules] = await Promise.all([
    seeExpired(tx),
    holdExpired(tx, viewer.userId, batch),
    rulesFor(tx, viewer.userId),
  ])
  if (held.length === 0) return { held: 0, expired: 0, archiveId: null }
  const now = stores.clock.now()
  const judged = held.map((memory) => keepingOf(memory, rules, now))
  const isOver = ({ until }: Keeping) => until !== null && until <= batch.at
  await keepUntil(
    context,
    unit,
    judged.filter((keeping) => !isOver(keeping)),
    now,
  )
  const over = judged.filter(isOver)
  const ids = over.map(({ memory }) => memory.id)
  const kept = over.filter((keeping) => archive || keeping.archive).map(({ memory }) => memory.id)
  const archiveId = kept.length === 0 ? null : await archiveMemories(context, unit, kept)
  const archived = new Set(kept)
  await Promise.all([
    append(over.map(({ memory }) => expiredEvent({ ...memory, tenantId: viewer.tenantId }))),
    insertDecisions(
      tx,
      over.map(({ memory, rule, until }) => ({
        ...decisionOf(context, rule, now),
        action: 'EXPIRE',
        phase: 'UPKEEP',
        memoryId: memory.id,
        ownerId: memory.ownerId,
        outcome: { retentionUntil: until, archived: archived.has(memory.id) },
      })),
    ),
    eraseMemories(tx, viewer, ids, now),
  ])
  return { held: held.length, expired: over.length, archiveId }
}

/**
 * Removes memories whose time is over and whose names are wanted for others.
 * @throws ProblemError CONFLICT while one of them is being changed
 */
export async function freeNames(context: MemoryContext, unit: Unit, names: readonly string[]): Promise<void> {
  const found = await expiredOfNames(unit.tx, names)
  if (found.length === 0) return
  await awaitChanges(unit.tx, found)
  const ids = await expiredOfNames(unit.tx, names)
  const at = context.stores.clock.now()
  const held = await keepThese(context, unit, ids)
  if (held < ids.length)
    throw new ProblemError(conflict('A memory of that name is being changed at this moment.', 'input'))
  await expire(context, unit, { at, tiers: null, most: ids.length, ids }, false)
  await hideExpired(unit.tx, at)
}
