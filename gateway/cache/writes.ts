import type { Log } from '../../lib/log.ts'
import { projectorContext } from '../../stores/log/log.ts'
import type { Stores } from '../../stores/stores.ts'
import type { Freshness } from './freshness.ts'

/** A write that nobody told this process of is noticed after so long. Milliseconds. */
const lookEveryMs = 1000

/**
 * Tells of writes that did not go through this process's graph: at once, when the bus says that the log has grown; after
 * a second at most by PostgreSQL's own word. Two snapshots that read the same have no transaction between them that
 * committed, so nothing at all has changed (PostgreSQL, "pg_current_snapshot").
 * @returns what ends it.
 */
export function followWrites(
  { bus, postgres }: Pick<Stores, 'bus' | 'postgres'>,
  freshness: Freshness,
  log: Log,
): () => void {
  const unsubscribe = bus.subscribe('events', () => freshness.changed())
  let known: string | undefined
  let looking: Promise<void> | undefined
  const look = async () => {
    try {
      const [row] = await postgres.read(projectorContext('cache'), (db) =>
        db.query<{ snapshot: string }>('SELECT pg_current_snapshot()::text AS snapshot'),
      )
      if (row?.snapshot !== known) freshness.changed()
      known = row?.snapshot
    } catch (error) {
      // Who cannot be asked may have written.
      freshness.changed()
      log.warn({ err: error }, 'PostgreSQL could not be asked for writes; kept answers are forgotten')
    }
  }
  const timer = setInterval(() => {
    // While an answer is awaited nothing is known.
    if (looking) return freshness.changed()
    looking = look().finally(() => {
      looking = undefined
    })
  }, lookEveryMs)
  timer.unref()
  return () => {
    clearInterval(timer)
    unsubscribe()
  }
}
