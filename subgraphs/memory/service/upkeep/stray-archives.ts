import { isUuid } from '../../../../lib/ids.ts'
import type { Job } from '../../../../stores/jobs.ts'
import { projectorContext } from '../../../../stores/log/log.ts'
import type { Stores } from '../../../../stores/stores.ts'
import { inNameOf } from '../../in-name-of.ts'
import { namingNoArchive } from '../../store/archives.ts'
import { type Owner, ownersOfMemories } from '../../store/upkeep.ts'
import { folder, nameOf } from './archive.ts'

const hour = 3_600_000
/** Longer than any transaction lasts: a younger file may belong to one that has yet to commit. */
const leastAgeMs = hour
const ownersAtOnce = 100
const ownerMs = 60_000
const name = 'stray archives'

/** Removes files of archives that a crash left behind before the archive was committed. */
export function strayArchivesJob(stores: Stores): Job {
  return { name, everyMs: 24 * hour, run: () => removeStrays(stores) }
}

/** @param ageMs how old by the object store's clock a file must be */
export async function removeStrays(stores: Stores, ageMs = leastAgeMs): Promise<void> {
  const before = new Date(Date.now() - ageMs)
  for (let after: string | null = null; ; ) {
    const last: string | null = after
    const owners: Owner[] = await stores.postgres.read(projectorContext(name), (db) =>
      ownersOfMemories(db, last, ownersAtOnce),
    )
    for (const owner of owners) await removeOwners(stores, owner, before)
    after = owners.at(-1)?.ownerId ?? null
    if (owners.length < ownersAtOnce) return
  }
}

async function removeOwners(stores: Stores, owner: Owner, before: Date): Promise<void> {
  const files = await stores.objects.list(owner.ownerId, folder, before)
  const ids = files.map((file) => file.slice(folder.length).split('.')[0] ?? '').filter(isUuid)
  if (ids.length === 0) return
  const strays = await inNameOf(stores, owner, name, ownerMs).read((db) => namingNoArchive(db, ids))
  for (const id of strays) await stores.objects.remove(owner.ownerId, nameOf(id))
}
