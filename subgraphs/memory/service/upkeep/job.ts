import type { Job } from '../../../../stores/jobs.ts'
import { projectorContext } from '../../../../stores/log/log.ts'
import type { Stores } from '../../../../stores/stores.ts'
import { type Answer, mutate } from '../../../mutate.ts'
import { inNameOf } from '../../in-name-of.ts'
import { type Owner, ownersToKeep } from '../../store/upkeep.ts'
import { prepareContents, storePrepared } from './compression.ts'
import { expire } from './expire.ts'
import { inPages, upkeepName as name, pageMs } from './pages.ts'
import { applyChangedRules, moveAndKeep } from './rules.ts'

const hour = 3_600_000
const ownersAtOnce = 100
/** So that no transaction holds a lock, or the embedded database, for long. */
const expiredAtOnce = 200
/** How many batches of one kind an owner gets in one run; what is left is for the next. */
const mostBatches = 250
const compressedAtOnce = 200

/** Applies the rules for tiers, retention and compression, and removes what has expired. */
export function upkeepJob(stores: Stores): Job {
  return { name, everyMs: hour, run: () => keepInOrder(stores) }
}

export async function keepInOrder(stores: Stores): Promise<void> {
  let after: string | null = null
  for (;;) {
    const at = stores.clock.now()
    const owners: Owner[] = await stores.postgres.read(projectorContext(name), (db) =>
      ownersToKeep(db, at, after, ownersAtOnce),
    )
    for (const owner of owners) await keepOwner(stores, owner, at)
    after = owners.at(-1)?.ownerId ?? null
    if (owners.length < ownersAtOnce) break
  }
  // What a backup brought back has no event that would tell of it.
  await applyChangedRules(stores)
}

async function keepOwner(stores: Stores, owner: Owner, at: Date): Promise<void> {
  await moveAndKeep(stores, owner, mostBatches)
  await inPages(stores, owner, mostBatches, async (context, unit) => {
    const { held } = await expire(context, unit, { at, tiers: null, most: expiredAtOnce }, false)
    return held < expiredAtOnce ? null : 0
  })
  await compressAll(stores, owner, at)
}

/** Each page is a transaction, which begins when all in it has been packed. */
async function compressAll(stores: Stores, owner: Owner, at: Date): Promise<void> {
  let after: number | null = 0
  for (let page = 0; after !== null && page < mostBatches; page++) {
    const context = inNameOf(stores, owner, name, pageMs)
    const prepared = await prepareContents(context, { at, tiers: null, after, most: compressedAtOnce })
    if (prepared.changes > 0) {
      await mutate(stores, context.request, { name, input: {}, room: 'memory' }, async (unit) => {
        await storePrepared(context, unit, prepared)
        return { __typename: 'Done' } satisfies Answer
      })
    }
    after = prepared.after
  }
}
