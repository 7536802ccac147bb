import { promisify } from 'node:util'
import { gunzip, gzip } from 'node:zlib'
import { once, whole } from '../../../../lib/bytes.ts'
import { codedError } from '../../../../lib/errors.ts'
import { toGlobalId, uuidOf } from '../../../../lib/ids.ts'
import { notFound, ProblemError } from '../../../../lib/problems.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { inNameOf } from '../../in-name-of.ts'
import { boundsOf, type Slice } from '../../slice.ts'
import { type ArchiveRecord, archivesByIds, insertArchive, removeArchive, wholeMemories } from '../../store/archives.ts'
import { letGo } from '../objects.ts'

/** Where the files of archives are. */
export const folder = 'archives/memories/'
export const nameOf = (id: string) => `${folder}${id}.jsonl.gz`

/**
 * Writes memories, which must be held, to a compressed file of JSON Lines. The file is there before they go, and is
 * removed when they stay; one that a crash leaves behind has no row: nobody is shown it, and a job removes it.
 * @returns the archive's row id
 */
export async function archiveMemories(
  context: MemoryContext,
  { tx, afterAbort }: Unit,
  ids: readonly string[],
): Promise<string> {
  const { stores, viewer } = context
  const id = stores.ids.next()
  const memories = await wholeMemories(tx, ids)
  const lines = memories.map((memory) => JSON.stringify({ ...memory, id: toGlobalId('Memory', memory.id) }))
  const plain = Buffer.from(`${lines.join('\n')}\n`)
  afterAbort(() => removeUnkept(context, id))
  const bytes = await stores.objects.put(viewer.userId, nameOf(id), once(await promisify(gzip)(plain)))
  const createdAt = stores.clock.now()
  await insertArchive(tx, viewer, { id, memories: memories.length, bytes, plainBytes: plain.length, createdAt })
  return id
}

/** Removes the file of an archive, unless its row was committed after all: a lost connection does not tell. */
async function removeUnkept(context: MemoryContext, id: string): Promise<void> {
  const { stores, viewer } = context
  // The request's own time may be what has run out.
  const own = inNameOf(stores, { ...viewer, ownerId: viewer.userId }, 'memory archives', 60_000)
  const [kept] = await own.read((db) => archivesByIds(db, [id]))
  if (!kept) await stores.objects.remove(viewer.userId, nameOf(id))
}

/** Lines of an archive: each one memory. @throws BAD_USER_INPUT outside of its bounds */
export async function linesOf({ stores }: MemoryContext, archive: ArchiveRecord, slice: Slice) {
  const bounds = boundsOf(slice)
  const object = await stores.objects.get(archive.ownerId, nameOf(archive.id))
  if (object === null) throw codedError('BAD_USER_INPUT', 'The archive’s file is gone from the object store.')
  const text = (await promisify(gunzip)(await whole(object))).toString()
  return text
    .trimEnd()
    .split('\n')
    .slice(...bounds)
    .map((line) => JSON.parse(line))
}

export interface RemoveMemoryArchiveInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** Removes an archive of the viewer's for good. */
export async function removeMemoryArchive(context: MemoryContext, input: RemoveMemoryArchiveInput) {
  const { stores, request, viewer } = context
  const id = uuidOf('MemoryArchive', input.id)
  return mutate(stores, request, { name: 'removeMemoryArchive', input, room: 'memory' }, async (unit) => {
    const removed = id !== null && (await removeArchive(unit.tx, id))
    if (!removed) throw new ProblemError(notFound('memory archive', 'input', 'id'))
    await letGo(context, unit, nameOf(id))
    await unit.append([{ kind: 'ARCHIVE_REMOVED', type: 'MemoryArchive', id, version: 2, before: [viewer.userId] }])
    return { __typename: 'RemoveMemoryArchiveSuccess', archiveId: id } satisfies Answer
  })
}
