import { setTimeout as pause } from 'node:timers/promises'
import { appendEvents } from '../log/log.ts'
import type { Transaction } from '../postgres/postgres.ts'
import type { Stores } from '../stores.ts'
import { ownedTables, type Subject, step, subjectContext } from './subject.ts'

/** What was done to each store: how many rows, vectors, objects, by table or kind. */
export type Counts = Record<string, Record<string, number>>

type Needed = Pick<Stores, 'postgres' | 'vectors' | 'objects' | 'bus'>

const vectorsAtOnce = 1_000
const eventsAtOnce = 500
/** How long projectors get to take in what the subject did last. Milliseconds. */
const projectorsMs = 20_000
const lookMs = 50

/**
 * Removes a user from every store. His key goes first: from then on what is kept of him under it means nothing, and nobody
 * can write in his name any more. Each step is whole by itself, so that what was interrupted goes on where it stopped.
 */
export async function erase(stores: Needed, subject: Subject): Promise<Counts> {
  const counts: Counts = { postgres: {}, vectors: {}, events: {}, objects: {} }
  await shutOut(stores, subject, 'ERASE', counts)
  await forgetShared(stores, subject)
  await removeVectors(stores, subject, counts)
  await removeRows(stores, subject, counts)
  // A projector that had read before may have written since.
  await projectorsPast(stores, subject)
  await removeRows(stores, subject, counts)
  await step(stores.postgres, subject, async (tx) => {
    add(counts, 'events', 'payloads', await changed(tx, SCRUB))
    add(counts, 'postgres', 'users.users', await changed(tx, 'DELETE FROM users.users'))
  })
  add(counts, 'objects', 'objects', await stores.objects.removeAll(subject.userId))
  return counts
}

/** What a table keeps of whoever becomes nobody: how the system was used, not by whom nor what for. */
const anonymous: Readonly<Record<string, string>> = {
  'memory.chat_sessions': `title = NULL, metadata = NULL, configuration = '{}', external_id = NULL`,
}

/**
 * Makes nobody of a user: his account keeps a name that means nothing, his sessions their times and counts; everything
 * that he or anybody said, and everything that tells of him, goes.
 */
export async function anonymize(stores: Needed, subject: Subject): Promise<Counts> {
  const counts: Counts = { postgres: {}, vectors: {}, events: {}, objects: {} }
  await shutOut(stores, subject, 'ANONYMIZE', counts)
  await forgetShared(stores, subject)
  await removeVectors(stores, subject, counts)
  await removeRows(stores, subject, counts, anonymous)
  await projectorsPast(stores, subject)
  await removeRows(stores, subject, counts, anonymous)
  await step(stores.postgres, subject, async (tx) => {
    for (const [table, values] of Object.entries(anonymous)) {
      add(counts, 'postgres', `${table} (made anonymous)`, await changed(tx, `UPDATE ${table} SET ${values}`))
    }
    add(counts, 'events', 'payloads', await changed(tx, SCRUB))
    const account = `UPDATE users.users SET username = left('gone-' || id, 32), email = id || '@invalid', display_name = NULL,
      password_hash = NULL, one_time_hash = NULL, one_time_session_id = NULL, status = 'SUSPENDED'`
    add(counts, 'postgres', 'users.users (made anonymous)', await changed(tx, account))
    // Putting the new name where the old one was is a change that the audit keeps both of.
    await tx.query('DELETE FROM audit.pending_values')
    await tx.query('DELETE FROM audit.entry_values')
  })
  add(counts, 'objects', 'objects', await stores.objects.removeAll(subject.userId))
  return counts
}

/** Ends all that the user can do, destroys his key, and notes that he is gone. */
async function shutOut(stores: Needed, subject: Subject, action: string, counts: Counts): Promise<void> {
  const sessions = await step(stores.postgres, subject, async (tx) => {
    const keys = await changed(tx, 'DELETE FROM audit.user_keys')
    add(counts, 'postgres', 'audit.user_keys', keys)
    await tx.query(`UPDATE users.users SET status = 'SUSPENDED'`)
    await tx.query('INSERT INTO users.erasures (user_id, action) VALUES ($1, $2) ON CONFLICT DO NOTHING', [
      subject.userId,
      action,
    ])
    return tx.query<{ id: string }>('SELECT id FROM users.sessions')
  })
  for (const { id } of sessions) stores.bus.publish('session-ended', id)
}

/** What was done with a memory tells of its words nowhere; that it is gone is told to those who could see it. */
const SCRUB = `UPDATE events.log SET payload = '{}' WHERE payload <> '{}' AND kind <> 'FORGOTTEN'`

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
    ARRAY(SELECT subject_id FROM memory.grants WHERE grants.memory_id = memories.id)::text[] AS granted,
    jsonb_build_object('tier', revisions.tier, 'visibility', memories.visibility, 'sessionId', memories.session_id,
      'occurredAt', revisions.occurred_at) AS payload
  FROM memory.memories JOIN memory.revisions ON revisions.memory_id = memories.id AND revisions.known_until IS NULL
  WHERE memories.visibility <> 'PRIVATE' AND memories.forgotten_at IS NULL ORDER BY memories.ordinal`

/** A store beside PostgreSQL is asked for each memory; the tables of one inside it go with the rows. */
async function removeVectors(stores: Needed, subject: Subject, counts: Counts): Promise<void> {
  const ids = await step(stores.postgres, subject, (tx) => tx.query<{ id: string }>('SELECT id FROM memory.memories'))
  for (let from = 0; from < ids.length; from += vectorsAtOnce) {
    await stores.vectors.remove(ids.slice(from, from + vectorsAtOnce).map(({ id }) => id))
  }
  add(counts, 'vectors', 'memories', ids.length)
}

async function removeRows(
  stores: Needed,
  subject: Subject,
  counts: Counts,
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
    add(counts, 'postgres', table, await step(stores.postgres, subject, (tx) => changed(tx, `DELETE FROM ${table}`)))
  }
}

/** Waits until every projector has taken in what is in the log now. */
async function projectorsPast({ postgres }: Needed, subject: Subject): Promise<void> {
  const end = Date.now() + projectorsMs
  const [head] = await step(postgres, subject, (tx) => tx.query<Place>('SELECT xid, seq FROM events.head()'))
  const behind = () =>
    step(postgres, subject, (tx) =>
      tx.query('SELECT projector FROM events.positions WHERE (xid, seq) < ($1::text::xid8, $2::bigint)', [
        head?.xid ?? '0',
        head?.seq ?? '0',
      ]),
    )
  while ((await behind()).length > 0 && Date.now() < end) await pause(lookMs)
}

interface Place {
  readonly xid: string
  readonly seq: string
}

async function changed(tx: Transaction, sql: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(`WITH done AS (${sql} RETURNING 1) SELECT count(*) FROM done`)
  return Number(row?.count ?? 0)
}

function add(counts: Counts, store: string, what: string, amount: number): void {
  const of = counts[store] ?? {}
  counts[store] = of
  if (amount > 0) of[what] = (of[what] ?? 0) + amount
}
