import type { Job } from '../../../stores/jobs.ts'
import { projectorContext } from '../../../stores/log/log.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { Stores } from '../../../stores/stores.ts'
import type { Unit } from '../../mutate.ts'
import { securityOf } from '../../security.ts'
import type { MemoryContext } from '../context.ts'
import { inNameOf } from '../in-name-of.ts'
import { insertObjectToRemove, type ObjectToRemove, objectsToRemove, takeObjectToRemove } from '../store/objects.ts'

/** How long whoever let an object go has to remove it himself. Milliseconds. */
const graceMs = 60_000
const atOnce = 100

/** Lets an object of the viewer's go: it is removed when the transaction is committed, and stays when it is undone. */
export async function letGo(context: MemoryContext, { tx, afterCommit }: Unit, name: string): Promise<void> {
  await insertObjectToRemove(tx, context.viewer, name, context.stores.clock.now())
  afterCommit(() => remove(context, name))
}

/** Says that an object is wanted again, before it is put; whoever is removing it is waited for. */
export async function wantAgain({ viewer }: MemoryContext, tx: Transaction, name: string): Promise<void> {
  await takeObjectToRemove(tx, viewer, name)
}

/** Removes what was let go and is still there, because the process or the store failed just then. */
export function objectsJob(stores: Stores): Job {
  return { name: 'objects to remove', everyMs: graceMs, run: () => removeLeftovers(stores) }
}

export async function removeLeftovers(stores: Stores): Promise<void> {
  const before = new Date(stores.clock.now().getTime() - graceMs)
  const left = await stores.postgres.read(projectorContext('objects to remove'), (db) =>
    objectsToRemove(db, before, atOnce),
  )
  for (const object of left) await removeLeftover(stores, object)
}

/** One that cannot be removed holds up no other. */
async function removeLeftover(stores: Stores, object: ObjectToRemove): Promise<void> {
  try {
    await remove(inNameOf(stores, object, 'objects to remove', graceMs), object.name)
  } catch (error) {
    stores.logger.warn({ err: error }, 'An object that nobody wants could not be removed')
  }
}

async function remove({ stores, request, viewer }: MemoryContext, name: string): Promise<void> {
  await stores.postgres.write(securityOf(request, 'memory'), async (tx) => {
    if (await takeObjectToRemove(tx, viewer, name)) await stores.objects.remove(viewer.userId, name)
  })
}
