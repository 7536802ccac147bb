import { setTimeout as pause } from 'node:timers/promises'
import { appendEvents } from '../log/log.ts'
import type { Transaction } from '../postgres/postgres.ts'
import type { Stores } from '../stores.ts'
import { type VectorCollection, vectorCollections } from '../vector/port.ts'
import { ownedTables, type Subject, step, subjectContext } from './subject.ts'
import type { Tally } from './tally.ts'

type Needed = Pick<Stores, 'postgres' | 'collections' | 'objects' | 'bus' | 'cache' | 'ledger'>

const eventsAtOnce = 500
const lookMs = 50

/** Projectors have yet to take in what the subject did. Nothing is lost: the work goes on from here when it is asked again. */
export class ProjectorsBehindError extends Error {
  override readonly name = 'ProjectorsBehindError'
  constructor(projectors: readonly string[]) {
    super(`waits for ${projectors.join(', ')}`)
  }
}

/** How a run of the work is done. */
export interface Run {
  readonly tally: Tally
  /** How long projectors get to catch up within this run. Milliseconds. */
  readonly patienceMs: number
}

/**
 * Removes a user from every store. His key goes first: from then on what is kept of him under it means nothing, and nobody
 * can write in his name any more. Each step is whole by itself, so that what was interrupted goes on where it stopped.
 * @throws ProjectorsBehindError
 */
export async function erase(stores: Needed, subject: Subject, run: Run): Promise<void> {
  const { tally } = run
  await shutOut(stores, subject, 'ERASE', tally)
  await forgetShared(stores, subject)
  await removeVectors(stores, subject, tally)
  await removeRows(stores, subject, tally)
  // A projector that had read before may have written since.
  await projectorsPast(stores, subject, run.patienceMs)
  await removeVectors(stores, subject, tally)
  await removeRows(stores, subject, tally)
  await tally.step(async (tx) => {
    tally.add('events', 'payloads', await changed(tx, SCRUB))
    tally.add('postgres', 'users.users', await changed(tx, 'DELETE FROM users.users'))
  })
  await removeBeside(stores, subject, tally)
}

/** What a table keeps of whoever becomes nobody: how the system was used, not by whom nor what for. */
const anonymous: Readonly<Record<string, string>> = {
  'memory.chat_sessions': `title = NULL, metadata = NULL, configuration = '{}', external_id = NULL`,
  'memory.router_decisions': `request = '', terms = '{}', decision = '{}', tools = '{}', model = NULL, error = NULL`,
}

/**
 * Makes nobody of a user: his account keeps a name that means nothing, his sessions their times and counts; everything
 * that he or anybody said, and everything that tells of him, goes.
 * @throws ProjectorsBehindError
 */
export async function anonymize(stores: Needed, subject: Subject, run: Run): Promise<void> {
  const { tally } = run
  await shutOut(stores, subject, 'ANONYMIZE', tally)
  await forgetShared(stores, subject)
  await removeVectors(stores, subject, tally)
  await removeRows(stores, subject, tally, anonymous)
  await projectorsPast(stores, subject, run.patienceMs)
  await removeVectors(stores, subject, tally)
  await removeRows(stores, subject, tally, anonymous)
  await tally.step(async (tx) => {
    for (const [table, values] of Object.entries(anonymous)) {
      tally.add('postgres', `${table} (made anonymous)`, await changed(tx, `UPDATE ${table} SET ${values}`))
    }
    tally.add('events', 'payloads', await changed(tx, SCRUB))
    const account = `UPDATE users.users SET username = left('gone-' || id, 32), email = id || '@invalid', display_name = NULL,
      password_hash = NULL, one_time_hash = NULL, one_time_session_id = NULL, status = 'SUSPENDED'`
    tally.add('postgres', 'users.users (made anonymous)', await changed(tx, account))
    // Putting the new name where the old one was is a change that the audit keeps both of.
    await tx.query('DELETE FROM audit.pending_values')
    await tx.query('DELETE FROM audit.entry_values')
  })
  await removeBeside(stores, subject, tally)
}

/** Ends all that the user can do, destroys his key, and notes that he is gone. */
async function shutOut(stores: Needed, subject: Subject, action: string, tally: Tally): Promise<void> {
  stores.ledger.note({ userId: subject.userId, action })
  const sessions = await tally.step(async (tx) => {
    // Whoever is noting what was decided of his memories is done by then, and whoever comes later finds that he is gone.
    await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('erasure ' || $1::uuid, 0))`, [subject.userId])
    tally.add('postgres', 'audit.user_keys', await changed(tx, 'DELETE FROM audit.user_keys'))
    await tx.query(`UPDATE users.users SET status = 'SUSPENDED'`)
    await tx.query('INSERT INTO users.erasures (user_id, action) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      subject.userId,
      action,
    ])
    return tx.query<{ id: string }>('SELECT id FROM users.sessions')
  })
  for (const { id } of sessions) stores.bus.publish('session-ended', id)
}

/** What is kept outside the database: objects, and whatever a cache still holds of anybody. */
async function removeBeside({ objects, cache }: Needed, { userId }: Subject, tally: Tally): Promise<void> {
  await cache.clear()
  tally.add('objects', 'objects', await objects.removeAll(userId))
  await tally.step(async () => {})
}

/** What was done with a memory tells of its words nowhere; that it is gone is told to those who could see it. */
const SCRUB = `UPDATE events.log SET payload = '{}' WHERE payload <> '{}' AND kind NOT IN ('FORGOTTEN', 'EXPIRED')`

interface Shared {
  readonly id: string
  readonly version: number
  readonly visibility: string
  readonly granted: readonly string[]
  readonly payload: Readonly<Record<string, unknown>>
}

/** Whoever could see a memory of the user's hears that it is gone, and lets go of what he keeps of it. */
async function forgetShared({ postgres, bus }: Needed, subject: Subject): Promise<void> {
  const { tenantId, userId } = subject
  const shared = await step(postgres, subject, (tx) => tx.query<Shared>(SHARED))
  for (let from = 0; from < shared.length; from += eventsAtOnce) {
    const drafts = shared.slice(from, from + eventsAtOnce).map(({ id, version, visibility, granted, payload }) => {
      const before = visibility === 'PUBLIC' ? [userId, tenantId] : [userId, ...granted]
      return { kind: 'FORGOTTEN', type: 'Memory', id, version: version + 1, owner: userId, before, payload }
    })
    // The room's own event, in the room's own name.
    await postgres.write({ ...subjectContext(subject, 'privacy'), role: 'memory' }, (tx) => appendEvents(tx, drafts))
  }
  if (shared.length > 0) bus.publish('events')
}

const SHARED = `SELECT memories.id, memories.version, memories.visibility,
    ARRAY(SELECT grantee_id FROM memory.grants WHERE grants.memory_id = memories.id)::text[] AS granted,
    jsonb_build_object('tier', revisions.tier, 'visibility', memories.visibility, 'sessionId', memories.session_id,
      'occurredAt', revisions.occurred_at) AS payload
  FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
  WHERE memories.visibility <> 'PRIVATE' AND memories.forgotten_at IS NULL ORDER BY memories.ordinal`

/** A store beside PostgreSQL is asked for each memory; the tables of one inside it go with the rows. */
async function removeVectors(stores: Needed, subject: Subject, tally: Tally): Promise<void> {
  const counted = await step(stores.postgres, subject, (tx) =>
    tx.query<{ collection: VectorCollection; count: number }>(
      `SELECT collection, count(*)::integer AS count FROM memory.vectors GROUP BY 1
       UNION ALL SELECT 'MEMORIES', count(*)::integer FROM memory.memories`,
    ),
  )
  for (const collection of vectorCollections) await stores.collections[collection].removeOwner(subject.userId)
  for (const { collection, count } of counted) {
    if (count > 0) tally.atLeast('vectors', collection.toLowerCase(), count)
  }
}

async function removeRows(
  stores: Needed,
  subject: Subject,
  tally: Tally,
  kept: Readonly<Record<string, string>> = {},
): Promise<void> {
  const tables = await step(stores.postgres, subject, async (tx) => {
    await tx.query('SELECT memory.uncount_public()')
    return ownedTables(tx)
  })
  const named = ['app.team_members', 'memory.grants', 'app.qdrant_access_control']
  // The audit's values last: what is removed before is written into them.
  const audit = ['audit.pending_values', 'audit.entry_values']
  for (const table of [...named, ...tables.filter((name) => kept[name] === undefined), ...audit]) {
    await tally.step(async (tx) => tally.add('postgres', table, await changed(tx, `DELETE FROM ${table}`)))
  }
}

/** Waits until every projector has taken in what is in the log now; that of rules keeps no copies, and may take long. */
async function projectorsPast({ postgres }: Needed, subject: Subject, patienceMs: number): Promise<void> {
  const end = Date.now() + patienceMs
  const [head] = await step(postgres, subject, (tx) => tx.query<Place>('SELECT epoch, xid, seq FROM events.head()'))
  const behind = () =>
    step(postgres, subject, (tx) =>
      tx.query<{ projector: string }>(
        `SELECT projector FROM events.positions
         WHERE projector <> 'rules' AND (epoch <> $1 OR (xid, seq) < ($2::text::xid8, $3::bigint)) ORDER BY projector`,
        [head?.epoch ?? 0, head?.xid ?? '0', head?.seq ?? '0'],
      ),
    )
  for (let waiting = await behind(); waiting.length > 0; waiting = await behind()) {
    if (Date.now() >= end) throw new ProjectorsBehindError(waiting.map(({ projector }) => projector))
    await pause(lookMs)
  }
}

interface Place {
  readonly epoch: number
  readonly xid: string
  readonly seq: string
}

async function changed(tx: Transaction, sql: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(`WITH done AS (${sql} RETURNING 1) SELECT count(*) FROM done`)
  return Number(row?.count ?? 0)
}
