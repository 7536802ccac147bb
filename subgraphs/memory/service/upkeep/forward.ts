import type { Job } from '../../../../stores/jobs.ts'
import { projectorContext } from '../../../../stores/log/log.ts'
import type { Stores } from '../../../../stores/stores.ts'
import { securityOf } from '../../../security.ts'
import { inNameOf } from '../../in-name-of.ts'
import { forwardOf, insertForward, ownersOfUnpacked, unpackedMemories } from '../../store/unpacked.ts'

const day = 86_400_000
const ownersAtOnce = 100
const memoriesAtOnce = 500
const batchMs = 60_000

/** Gives memories that were written before there was a forward index, or by other hands, their entries in it. */
export function forwardJob(stores: Stores): Job {
  return { name: 'forward index', everyMs: day, run: () => packAll(stores) }
}

async function packAll(stores: Stores): Promise<void> {
  for (;;) {
    const owners = await stores.postgres.read(projectorContext('forward index'), (db) =>
      ownersOfUnpacked(db, ownersAtOnce),
    )
    let packed = 0
    for (const owner of owners) packed += await packOwner(stores, owner)
    if (packed === 0) return
  }
}

async function packOwner(stores: Stores, owner: { tenantId: string; ownerId: string }): Promise<number> {
  for (let packed = 0; ; ) {
    const context = inNameOf(stores, owner, 'forward index', batchMs)
    const memories = await context.read((db) => unpackedMemories(db, owner.ownerId, memoriesAtOnce))
    if (memories.length === 0) return packed
    const entries = memories.map((memory) => ({ memory, forward: forwardOf(memory) }))
    await stores.postgres.write(securityOf(context.request, 'memory'), (tx) => insertForward(tx, entries))
    packed += memories.length
  }
}
