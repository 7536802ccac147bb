import { type LogEvent, projectorContext } from '../../../stores/log/log.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { Projector } from '../../../stores/projector.ts'
import type { Stores } from '../../../stores/stores.ts'
import type { Extractor } from '../extraction/extractor.ts'
import { type Change, differenceOf, type Reading } from './changes.ts'
import { createReader, loadMemories } from './reader.ts'
import { clearTables, readWords, type Stored, storedOf, writeDifference, writeReadings } from './tables.ts'

const name = 'concepts'
/** Memories written in one transaction: the embedded database has one connection, and everybody waits for it. */
const atOnce = 100

/**
 * Keeps the graph of concepts up to date with the memories. An event only says where to look: what counts is the
 * memory as it is now, and which version of it was read last. So a batch may come again, or late, and changes nothing.
 */
export function conceptsProjector(stores: Pick<Stores, 'postgres' | 'logger'>, extractor: Extractor): Projector {
  const { postgres } = stores
  const read = createReader(postgres, extractor, stores.logger)
  return {
    name,
    wants: (event) => event.type === 'Memory',
    async apply(events: readonly LogEvent[], signal) {
      const all = [...new Set(events.map((event) => event.id))]
      for (let at = 0; at < all.length; at += atOnce) {
        const ids = all.slice(at, at + atOnce)
        const memories = await loadMemories(postgres, ids, signal, stores.logger)
        const readings = await read(memories, signal)
        await postgres.write(projectorContext(name, signal), (tx) => record(tx, ids, readings))
      }
    },
    clear: () => postgres.write(projectorContext(name), clearTables),
    close: () => extractor.close(),
  }
}

/** Writes what was read, as far as it is still what the memories say; a later event brings the rest. */
async function record(tx: Transaction, ids: readonly string[], readings: readonly Reading[]): Promise<void> {
  // Counts are read and written: two projectors at work on one batch must not count it twice.
  await tx.lock(`projector:${name}`)
  const stored = await storedOf(tx, ids)
  const byId = new Map(readings.map((reading) => [reading.memoryId, reading]))
  const changes = ids.flatMap((id) => changeOf(stored.get(id), byId.get(id)) ?? [])
  if (changes.length === 0) return
  await writeDifference(tx, differenceOf(changes))
  await writeReadings(tx, changes)
}

function changeOf(stored: Stored | undefined, reading: Reading | undefined): Change | null {
  if (stored === undefined) return null
  const { memoryId, tenantId, ownerId, version, words, forms } = stored
  const before = words === null ? null : { words: readWords(words), forms }
  if (version === null) return before && { memoryId, tenantId, ownerId, before, after: null }
  if (reading?.version !== version) return null
  return { memoryId, tenantId, ownerId, before, after: reading }
}
