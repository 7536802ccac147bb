import type { Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { daysAfter, decide } from '../../policies/rules.ts'
import { insertDecisions } from '../../store/decisions.ts'
import { holdOverlong, seeExpired, setRetention } from '../../store/upkeep.ts'
import { decisionOf, rulesFor } from '../judge.ts'

const pageSize = 500

/**
 * Says of the owner's next memories that a rule is about until when they are kept: rules may be newer than they.
 * @returns how many, and the place after which to go on; null when there is no more
 */
export async function keepByRules(context: MemoryContext, { tx }: Unit, after: number) {
  const { viewer, stores } = context
  const now = stores.clock.now()
  const rules = await rulesFor(tx, viewer.userId)
  const keeping = rules.filter(({ action }) => action === 'KEEP')
  if (keeping.length === 0) return { kept: 0, after: null }
  await seeExpired(tx)
  const found = await holdOverlong(tx, { ownerId: viewer.userId, rules: keeping, now, after, most: pageSize })
  const judged = found.flatMap((memory) => {
    const decided = decide(rules, 'RETENTION', memory, now).filter(({ action }) => action === 'KEEP')
    const ends = decided.map((rule) => ({ rule, until: daysAfter(memory.updatedAt, rule.configuration.keepDays ?? 0) }))
    const [first] = ends.sort((a, b) => a.until.getTime() - b.until.getTime())
    const shorter = first && (memory.retentionUntil === null || first.until < memory.retentionUntil)
    return shorter ? [{ memory, ...first }] : []
  })
  if (judged.length > 0)
    await setRetention(
      tx,
      judged.map(({ memory, until }) => ({ id: memory.id, until })),
    )
  await insertDecisions(
    tx,
    judged.map(({ memory, rule, until }) => ({
      ...decisionOf(context, rule, now),
      phase: 'UPKEEP',
      memoryId: memory.id,
      ownerId: memory.ownerId,
      outcome: { retentionUntil: until },
    })),
  )
  return { kept: judged.length, after: found.length < pageSize ? null : (found.at(-1)?.ordinal ?? null) }
}
