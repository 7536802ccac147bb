import { projectorContext } from '../../../../stores/log/log.ts'
import type { Projector } from '../../../../stores/projector.ts'
import type { Stores } from '../../../../stores/stores.ts'
import { inNameOf } from '../../in-name-of.ts'
import { type RulesToApply, removeRulesToApply, rulesToApply } from '../../store/rules-to-apply.ts'
import { type Owner, ownersOfMemories } from '../../store/upkeep.ts'
import { inPages, pageMs, upkeepName } from './pages.ts'
import { areKeptByRules, keepByRules } from './retention.ts'
import { moveByRules } from './tiers.ts'

const name = 'rules'
const ownersAtOnce = 100

/**
 * Applies rules for tiers and retention to what is stored as soon as they have changed. What is over by them has been hidden
 * since they changed; to remove it is left to upkeep, so that a mistaken rule can be taken back.
 */
export function rulesProjector(stores: Stores): Projector {
  return {
    name,
    wants: ({ room, type }) => room === 'memory' && type === 'PolicyRule',
    apply: (_events, signal) => applyChangedRules(stores, signal),
    // What is stored by rules is no copy of anything: there is nothing to begin anew from.
    async clear() {},
  }
}

/** Applies whatever rules have changed; a scope's are done when nothing of it is left to do. One that fails holds up no other. */
export async function applyChangedRules(stores: Stores, signal?: AbortSignal): Promise<void> {
  const changed = await stores.postgres.read(projectorContext(name), rulesToApply)
  const failures: unknown[] = []
  for (const rules of changed) {
    signal?.throwIfAborted()
    await applyRules(stores, rules, signal).catch((error: unknown) => failures.push(error))
  }
  if (failures.length > 0) throw failures[0]
}

async function applyRules(stores: Stores, rules: RulesToApply, signal?: AbortSignal): Promise<void> {
  const { tenantId, ownerId } = rules
  if (ownerId !== null) await applyToOwner(stores, { tenantId, ownerId }, signal)
  else await applyToTenant(stores, tenantId, signal)
  await stores.postgres.write(projectorContext(name), (tx) => removeRulesToApply(tx, rules))
}

async function applyToTenant(stores: Stores, tenantId: string, signal?: AbortSignal): Promise<void> {
  for (let after: string | null = null; ; ) {
    const last: string | null = after
    const owners: Owner[] = await stores.postgres.read(projectorContext(name), (db) =>
      ownersOfMemories(db, last, ownersAtOnce, tenantId),
    )
    for (const owner of owners) await applyToOwner(stores, owner, signal)
    after = owners.at(-1)?.ownerId ?? null
    if (owners.length < ownersAtOnce) return
  }
}

/** Gives an owner's memories the tiers and the times that rules say. @param mostPages of each */
export async function moveAndKeep(stores: Stores, owner: Owner, mostPages: number): Promise<void> {
  await inPages(stores, owner, mostPages, async (context, unit, after) => {
    return (await moveByRules(context, unit, after)).after
  })
  await inPages(stores, owner, mostPages, keepByRules)
}

/** @throws when somebody else was changing memories, which have then to be looked at again */
async function applyToOwner(stores: Stores, owner: Owner, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted()
  await moveAndKeep(stores, owner, Number.POSITIVE_INFINITY)
  if (await areKeptByRules(inNameOf(stores, owner, upkeepName, pageMs))) return
  throw new Error('some memories were being changed while rules were applied to them')
}
