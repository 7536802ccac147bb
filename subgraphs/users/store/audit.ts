import type { Key, Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** An entry of the audit, as the database has it. */
export interface AuditRecord {
  readonly id: string
  readonly at: Date
  readonly ownerId: string | null
  readonly actorId: string | null
  readonly sessionId: string | null
  readonly service: string
  readonly traceId: string | null
  readonly table: string
  readonly operation: string
  readonly rowId: string
  readonly oldHash: Buffer | null
  readonly newHash: Buffer | null
}

/** What the log is narrowed to; null for everything. */
export interface AuditFilter {
  readonly table: string | null
  readonly operation: string | null
  readonly actorId: string | null
  readonly rowId: string | null
  readonly from: Date | null
  readonly before: Date | null
}

export interface ViolationRecord {
  readonly id: string
  readonly at: Date
  readonly userId: string | null
  readonly service: string
  readonly kind: string
  readonly severity: string
  readonly details: Readonly<Record<string, unknown>>
  readonly traceId: string | null
}

export interface AccessRecord {
  readonly id: string
  readonly at: Date
  readonly userId: string | null
  readonly service: string
  readonly kind: string
  readonly object: string
  readonly amount: number
  readonly tookMs: number | null
  readonly traceId: string | null
}

/** What changed in a row of the viewer's: under his key, or, for a moment, not yet. */
export interface ValuesRecord {
  readonly entry_id: string
  readonly sealed: Buffer | null
  readonly body: string | null
}

const place = `(NULLIF($1, '')::bigint IS NULL OR id < NULLIF($1, '')::bigint)
  AND (NULLIF($2, '')::bigint IS NULL OR id > NULLIF($2, '')::bigint)`

/** Entries that row-level security shows the viewer, the newest first. */
export function listEntries(db: Database, filter: AuditFilter, page: Page): Promise<AuditRecord[]> {
  return db.query<AuditRecord>(
    `SELECT id::text, at, owner_id AS "ownerId", actor_id AS "actorId", session_id AS "sessionId", service,
       trace_id AS "traceId", table_name AS "table", operation, row_id AS "rowId", old_hash AS "oldHash",
       new_hash AS "newHash"
     FROM audit.audit_log
     WHERE ${place} AND ($4::text IS NULL OR table_name = $4) AND ($5::text IS NULL OR operation = $5)
       AND ($6::uuid IS NULL OR actor_id = $6) AND ($7::text IS NULL OR row_id = $7)
       AND ($8::timestamptz IS NULL OR at >= $8) AND ($9::timestamptz IS NULL OR at < $9)
     ORDER BY audit_log.id ${page.backwards ? 'ASC' : 'DESC'} LIMIT $3`,
    [...bounds(page), filter.table, filter.operation, filter.actorId, filter.rowId, filter.from, filter.before],
  )
}

/** What looked like an attack, the newest first. */
export function listViolations(db: Database, page: Page): Promise<ViolationRecord[]> {
  return db.query<ViolationRecord>(
    `SELECT id::text, at, user_id AS "userId", service, kind, severity, details, trace_id AS "traceId"
     FROM audit.security_violations AS seen WHERE ${place} ORDER BY seen.id ${page.backwards ? 'ASC' : 'DESC'} LIMIT $3`,
    bounds(page),
  )
}

/** Who read what is sensitive, the newest first. */
export function listAccesses(db: Database, page: Page): Promise<AccessRecord[]> {
  return db.query<AccessRecord>(
    `SELECT id::text, at, user_id AS "userId", service, kind, object, amount, took_ms AS "tookMs", trace_id AS "traceId"
     FROM audit.data_access_log AS seen WHERE ${place} ORDER BY seen.id ${page.backwards ? 'ASC' : 'DESC'} LIMIT $3`,
    bounds(page),
  )
}

export function findValues(db: Database, entries: readonly string[]): Promise<ValuesRecord[]> {
  return db.query<ValuesRecord>('SELECT entry_id, sealed, body FROM audit.own_values($1::bigint[])', [entries])
}

/** Notes, before anything is read, that the viewer reads in the audit. */
export async function noteReading(tx: Transaction, what: string, amount: number): Promise<void> {
  await tx.query(`SELECT audit.log_access('AUDIT_READ', $1, $2, '{}')`, [what, amount])
}

/** Whether the viewer may look into his tenant's audit. */
export async function isStaff(db: Database): Promise<boolean> {
  const [row] = await db.query<{ staff: boolean }>('SELECT app.is_staff() AS staff')
  return row?.staff === true
}

function bounds(page: Page): [string, string, number] {
  return [ordinalOf(page.after), ordinalOf(page.before), page.limit + 1]
}

function ordinalOf(key: Key | null): string {
  const [ordinal] = key ?? []
  return typeof ordinal === 'string' && /^\d{1,18}$/.test(ordinal) ? ordinal : ''
}
