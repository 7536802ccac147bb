import type { Position } from '../../lib/cursor.ts'
import type { Database, Postgres, Transaction } from '../postgres/postgres.ts'
import type { SecurityContext } from '../postgres/security.ts'

/** What a room writes of a change, in the transaction that makes it. Ids only: content may have to be forgotten. */
export interface EventDraft {
  readonly kind: string
  /** The type of the graph whose object changed. */
  readonly type: string
  readonly id: string
  /** The object's version after the change; a reader ignores what is not above what it knows. */
  readonly version?: number
  readonly owner?: string
  /** Who could see the object before: users, teams, tenant. */
  readonly before?: readonly string[]
  /** Who can see it after. */
  readonly after?: readonly string[]
  /** What filters need to know when the row is gone. */
  readonly payload?: Readonly<Record<string, unknown>>
}

/** A change, as the log keeps it. */
export interface LogEvent {
  readonly position: Position
  readonly at: Date
  readonly tenantId: string
  readonly ownerId: string
  readonly room: string
  readonly kind: string
  readonly type: string
  readonly id: string
  readonly version: number
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly payload: Readonly<Record<string, unknown>>
  readonly traceId: string | null
}

/**
 * The log of events in PostgreSQL. It is read in the order (transaction id, sequence) and only as far as it is settled:
 * a transaction still open may yet bring events that belong before those already there.
 */
export interface EventLog {
  /** The last settled event of the present epoch. */
  head(): Promise<Position>
  /** Every owner's events, for projectors and the feed. */
  read(after: Position, limit: number): Promise<LogEvent[]>
  /** Only those that the context's viewer could see before or can see after. */
  readVisible(security: SecurityContext, after: Position, limit: number): Promise<LogEvent[]>
  /** The place up to which the log has been trimmed: nothing at or before it can be replayed from. Null when none is. */
  trimmedTo(): Promise<Position | null>
  /** Whom the context's viewer speaks for: himself, his teams, his tenant. */
  principals(security: SecurityContext): Promise<string[]>
}

interface Place {
  readonly epoch: number
  readonly xid: string
  readonly seq: string
}

interface Row extends Place {
  at: Date
  tenant_id: string
  owner_id: string
  room: string
  kind: string
  aggregate_type: string
  aggregate_id: string
  version: number
  audience_before: string[]
  audience_after: string[]
  payload: Record<string, unknown>
  trace_id: string | null
}

/** The projector's own context: it reads for everyone and answers nobody. */
export function projectorContext(traceId: string, signal?: AbortSignal): SecurityContext {
  const context = {
    role: 'projector',
    tenantId: null,
    userId: null,
    sessionId: null,
    traceId,
    deadline: Infinity,
  } as const
  return signal ? { ...context, signal } : context
}

export function openEventLog(postgres: Postgres): EventLog {
  const feed = projectorContext('log')
  return {
    head: () => postgres.read(feed, head),
    read: (after, limit) => postgres.read(feed, (db) => rows(db, 'events.read', after, limit)),
    readVisible: (security, after, limit) =>
      postgres.read(security, (db) => rows(db, 'events.read_visible', after, limit)),
    trimmedTo: () =>
      postgres.read(feed, async (db) => {
        const [row] = await db.query<Place>('SELECT epoch, xid, seq FROM events.trimmed_to()')
        return row ? toPosition(row) : null
      }),
    principals: (security) =>
      postgres.read(security, async (db) => {
        const [row] = await db.query<{ principals: string[] }>('SELECT app.current_principals()::text[] AS principals')
        return row?.principals ?? []
      }),
  }
}

/** Writes events in the transaction that made the changes, and answers where they stand. */
export async function appendEvents(tx: Transaction, drafts: readonly EventDraft[]): Promise<Position[]> {
  if (drafts.length === 0) return []
  const places = await tx.query<Place>('SELECT epoch, xid, seq FROM events.append($1::jsonb) ORDER BY ordinal', [
    JSON.stringify(drafts),
  ])
  return places.map(toPosition)
}

const trimmedAtOnce = 5000

/** Removes events that are older than so many days. What projectors have still to take in, or begin anew from, stays. */
export async function trimLog(postgres: Postgres, days: number): Promise<void> {
  for (let passed = trimmedAtOnce; passed === trimmedAtOnce; ) {
    const [row] = await postgres.write(projectorContext('trim the log'), (tx) =>
      tx.query<{ passed: number }>('SELECT events.trim(make_interval(days => $1), $2) AS passed', [
        days,
        trimmedAtOnce,
      ]),
    )
    passed = row?.passed ?? 0
  }
}

/** Drops the months of the log that are older than its retention and have been trimmed. @returns their names */
export async function dropLogPartitions(postgres: Postgres, days: number): Promise<string[]> {
  const rows = await postgres.write(projectorContext('drop old months'), (tx) =>
    tx.query<{ name: string }>('SELECT events.drop_partitions(make_interval(days => $1)) AS name', [days]),
  )
  return rows.map(({ name }) => name)
}

async function head(db: Database): Promise<Position> {
  const [row] = await db.query<Place>('SELECT epoch, xid, seq FROM events.head()')
  if (!row) throw new Error('the log of events has no head')
  return toPosition(row)
}

async function rows(db: Database, source: string, after: Position, limit: number): Promise<LogEvent[]> {
  const found = await db.query<Row>(
    `SELECT epoch, xid::text, seq::text, at, tenant_id, owner_id, room, kind, aggregate_type, aggregate_id, version,
            audience_before::text[], audience_after::text[], payload, trace_id
     FROM ${source}($1::text::xid8, $2::bigint, $3)`,
    [String(after.xid), String(after.seq), limit],
  )
  return found.map(toEvent)
}

function toEvent(row: Row): LogEvent {
  return {
    position: toPosition(row),
    at: row.at,
    tenantId: row.tenant_id,
    ownerId: row.owner_id,
    room: row.room,
    kind: row.kind,
    type: row.aggregate_type,
    id: row.aggregate_id,
    version: row.version,
    before: row.audience_before,
    after: row.audience_after,
    payload: row.payload,
    traceId: row.trace_id,
  }
}

function toPosition({ epoch, xid, seq }: Place): Position {
  return { epoch, xid: BigInt(xid), seq: BigInt(seq) }
}
