import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { revisedEvent } from '../../events.ts'
import { checkBatchSize, limits } from '../../limits.ts'
import { concernsTier, decide, type Rule } from '../../policies/rules.ts'
import { insertDecisions } from '../../store/decisions.ts'
import { nextKnownFrom } from '../../store/revisions.ts'
import { holdMovable, insertUpkept, type Kept } from '../../store/upkeep.ts'
import { decisionOf, rulesFor } from '../judge.ts'

export interface ApplyTierRulesInput {
  readonly first?: number | null
  readonly clientMutationId?: string | null
}

/** One page of an owner's memories, moved by his and his tenant's rules. */
export interface Moved {
  readonly moved: number
  readonly refused: number
  /** The place after which to go on; null when there is no more. */
  readonly after: number | null
}

const pageSize = 200

/** Moves the viewer's own memories to the tiers that rules say. */
export async function applyTierRules(context: MemoryContext, input: ApplyTierRulesInput) {
  const { stores, request } = context
  const problem = checkBatchSize(input.first, ['input', 'first'])
  if (problem) return problem
  return mutate(stores, request, { name: 'applyTierRules', input, room: 'memory' }, async (unit) => {
    const { moved, refused, after } = await moveByRules(context, unit, 0, input.first ?? limits.batch)
    return { __typename: 'ApplyTierRulesSuccess', moved, refused, complete: after === null } satisfies Answer
  })
}

/** Moves the owner's next memories that a rule is about; each is judged once, in the order they were made. */
export async function moveByRules(context: MemoryContext, unit: Unit, after: number, most = pageSize): Promise<Moved> {
  const { tx, append } = unit
  const { viewer, stores } = context
  const now = stores.clock.now()
  const rules = await rulesFor(tx, viewer.userId)
  const moving = rules.filter(({ action }) => action === 'MOVE')
  if (moving.length === 0) return { moved: 0, refused: 0, after: null }
  const found = await holdMovable(tx, { ownerId: viewer.userId, rules: moving, now, after, most })
  const judged = found.flatMap((memory) => judge(memory, rules, now) ?? [])
  const moves = judged.filter(({ refusal }) => refusal === null)
  if (moves.length > 0) {
    await insertUpkept(
      tx,
      moves.map(({ memory, toTier }) => ({
        id: memory.id,
        revisionId: stores.ids.next(),
        tier: toTier,
        retentionUntil: memory.retentionUntil,
        knownFrom: nextKnownFrom(memory, now),
        keptFrom: null,
      })),
    )
    const { tenantId } = viewer
    await append(
      moves.map(({ memory, toTier }) => {
        const before = { ...memory, tenantId }
        return revisedEvent({ ...before, tier: toTier, version: memory.version + 1 }, before)
      }),
    )
  }
  await insertDecisions(
    tx,
    judged.map(({ memory, rule, refusal, toTier }) => ({
      ...decisionOf(context, refusal ?? rule, now),
      phase: 'UPKEEP',
      memoryId: memory.id,
      ownerId: memory.ownerId,
      outcome: { tier: memory.tier, toTier },
    })),
  )
  const last = found.length < most ? null : (found.at(-1)?.ordinal ?? null)
  return { moved: moves.length, refused: judged.length - moves.length, after: last }
}

/** Where a memory goes by which rule, and the rule that forbids it; null when it stays. */
function judge(memory: Kept, rules: readonly Rule[], now: Date) {
  // Of the tenant's rules and the owner's the first that moves it; an exception has no tier, or it is about one change.
  const concerns = ({ action, configuration: { toTier } }: Rule) =>
    action === 'MOVE' || (action === 'ALLOW' && toTier == null)
  const rule = decide(rules, 'TIER', memory, now, concerns).find(({ action }) => action === 'MOVE')
  const toTier = rule?.configuration.toTier
  if (!rule || toTier == null || toTier === memory.tier) return null
  const refusal =
    decide(rules, 'TIER', memory, now, concernsTier(toTier)).find(({ action }) => action === 'DENY') ?? null
  return { memory, rule, toTier, refusal }
}
