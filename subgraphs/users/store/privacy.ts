import type { Key, Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'

/** A secret, without what it says. */
export interface SecretRecord {
  readonly id: string
  readonly ordinal: string
  readonly name: string
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface NewSecret {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
  readonly name: string
}

export interface PrivacyRequestRecord {
  readonly id: string
  readonly subjectId: string
  readonly action: 'EXPORT' | 'ERASE' | 'ANONYMIZE'
  readonly state: string
  readonly parts: number
  readonly receipt: string | null
  readonly signature: Buffer | null
  readonly requestedAt: Date
  readonly completedAt: Date | null
}

export interface RetentionRecord {
  readonly dataType: string
  readonly keepDays: number | null
  readonly updatedAt: Date | null
}

const secretColumns = 'id, ordinal::text, name, created_at AS "createdAt", updated_at AS "updatedAt"'
const requestColumns = `id, subject_id AS "subjectId", action, state, parts, receipt, signature,
  requested_at AS "requestedAt", completed_at AS "completedAt"`

/** The row of a secret of this name, made when it is not there; its value is set by `sealSecret`. */
export async function ensureSecret(tx: Transaction, secret: NewSecret, at: Date): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `INSERT INTO users.encrypted_fields (id, tenant_id, owner_id, name, sealed, created_at, updated_at)
     VALUES ($1, $2, $3, $4, '', $5, $5)
     ON CONFLICT (owner_id, name) DO UPDATE SET updated_at = excluded.updated_at RETURNING id`,
    [secret.id, secret.tenantId, secret.ownerId, secret.name, at],
  )
  if (!row) throw new Error('the secret was not kept')
  return row.id
}

export async function sealSecret(tx: Transaction, id: string, sealed: Buffer): Promise<void> {
  await tx.query('UPDATE users.encrypted_fields SET sealed = $2 WHERE id = $1', [id, sealed])
}

export async function findSecret(db: Database, id: string): Promise<(SecretRecord & { sealed: Buffer }) | null> {
  const [row] = await db.query<SecretRecord & { sealed: Buffer }>(
    `SELECT ${secretColumns}, sealed FROM users.encrypted_fields WHERE id = $1`,
    [id],
  )
  return row ?? null
}

export async function countSecrets(db: Database): Promise<number> {
  const [row] = await db.query<{ count: number }>('SELECT count(*)::integer AS count FROM users.encrypted_fields')
  return row?.count ?? 0
}

export function listSecrets(db: Database, page: Page): Promise<SecretRecord[]> {
  return db.query<SecretRecord>(
    `SELECT ${secretColumns} FROM users.encrypted_fields AS secret
     WHERE ($1::bigint IS NULL OR secret.ordinal > $1) AND ($2::bigint IS NULL OR secret.ordinal < $2)
     ORDER BY secret.ordinal ${page.backwards ? 'DESC' : 'ASC'} LIMIT $3`,
    [ordinalOf(page.after), ordinalOf(page.before), page.limit + 1],
  )
}

export async function deleteSecret(tx: Transaction, id: string): Promise<boolean> {
  return (await tx.query('DELETE FROM users.encrypted_fields WHERE id = $1 RETURNING id', [id])).length > 0
}

export async function insertRequest(
  tx: Transaction,
  request: { id: string; tenantId: string; subjectId: string; requestedBy: string; action: string },
  at: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO users.privacy_requests (id, tenant_id, subject_id, requested_by, action, requested_at)
     VALUES ($1, $2, $3, $4, $5, $6)`,
    [request.id, request.tenantId, request.subjectId, request.requestedBy, request.action, at],
  )
}

export async function findRequest(db: Database, id: string): Promise<PrivacyRequestRecord | null> {
  const [row] = await db.query<PrivacyRequestRecord>(
    `SELECT ${requestColumns} FROM users.privacy_requests WHERE id = $1`,
    [id],
  )
  return row ?? null
}

/** Whether a user is the only admin that is left in his tenant; asked by admins. */
export async function isLastAdmin(db: Database, userId: string): Promise<boolean> {
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM users.users WHERE role = 'ADMIN' AND status = 'ACTIVE' LIMIT 2`,
  )
  return rows.length === 1 && rows[0]?.id === userId
}

export async function listRetention(db: Database): Promise<RetentionRecord[]> {
  return db.query<RetentionRecord>(
    'SELECT data_type AS "dataType", keep_days AS "keepDays", updated_at AS "updatedAt" FROM app.retention_policies',
  )
}

/** Sets how long data of a kind is kept; null for good. */
export async function putRetention(
  tx: Transaction,
  policy: { tenantId: string; dataType: string; keepDays: number | null; updatedBy: string },
  at: Date,
): Promise<void> {
  const { tenantId, dataType, keepDays, updatedBy } = policy
  if (keepDays === null) {
    await tx.query('DELETE FROM app.retention_policies WHERE data_type = $1', [dataType])
    return
  }
  await tx.query(
    `INSERT INTO app.retention_policies (tenant_id, data_type, keep_days, updated_by, updated_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (tenant_id, data_type) DO UPDATE
     SET keep_days = excluded.keep_days, updated_by = excluded.updated_by, updated_at = excluded.updated_at`,
    [tenantId, dataType, keepDays, updatedBy, at],
  )
}

function ordinalOf(key: Key | null): string | null {
  const [ordinal] = key ?? []
  return typeof ordinal === 'string' && /^\d{1,18}$/.test(ordinal) ? ordinal : null
}
