import {
  type Connection,
  mapConnection,
  type Page,
  type PageArguments,
  parsePage,
  toConnection,
} from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { ownKey } from '../../../stores/audit/own-key.ts'
import { valuesPlace } from '../../../stores/audit/sealer.ts'
import { type Verification, verifyAudit } from '../../../stores/audit/verify.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { requireViewer, securityOf } from '../../security.ts'
import type { UsersContext } from '../context.ts'
import {
  type AccessRecord,
  type AuditFilter,
  type AuditRecord,
  findValues,
  isStaff,
  listAccesses,
  listEntries,
  listViolations,
  noteReading,
  type ViolationRecord,
} from '../store/audit.ts'

/** `AuditEntry` of the graph; users are named by their rows' ids. */
export interface AuditEntry extends Omit<AuditRecord, 'oldHash' | 'newHash'> {
  readonly oldHash: string | null
  readonly newHash: string | null
  /** What changed; only for the owner of the row. */
  readonly oldValues: unknown
  readonly newValues: unknown
}

export interface AuditFilterInput {
  readonly table?: string | null
  readonly operation?: string | null
  readonly actorId?: string | null
  readonly rowId?: string | null
  readonly occurredFrom?: Date | null
  readonly occurredBefore?: Date | null
}

/** The audit of the viewer's own rows and doings; for admins and analysts, of the whole tenant. Reading it is audited. */
export async function auditLog(
  context: UsersContext,
  args: PageArguments & { readonly filter?: AuditFilterInput | null },
): Promise<Connection<AuditEntry>> {
  const { userId } = requireViewer(context.request)
  const filter = toFilter(args.filter ?? {})
  const page = parsePage(args, ['auditLog', userId, filter])
  const rows = await reading(context, 'audit_log', page, (tx) => listEntries(tx, filter, page))
  const values = await ownValues(context, rows, userId)
  return mapConnection(toConnection(rows, page, keyOf), (row) => toEntry(row, values.get(row.id)))
}

/** What looked like an attack. @throws FORBIDDEN for anyone but admins and analysts */
export async function securityViolations(
  context: UsersContext,
  args: PageArguments,
): Promise<Connection<ViolationRecord>> {
  const page = parsePage(args, 'securityViolations')
  const rows = await reading(context, 'security_violations', page, async (tx) => {
    await requireStaff(tx)
    return listViolations(tx, page)
  })
  return toConnection(rows, page, keyOf)
}

/** Who read what is sensitive. @throws FORBIDDEN for anyone but admins and analysts */
export async function dataAccessLog(context: UsersContext, args: PageArguments): Promise<Connection<AccessRecord>> {
  const page = parsePage(args, 'dataAccessLog')
  const rows = await reading(context, 'data_access_log', page, async (tx) => {
    await requireStaff(tx)
    return listAccesses(tx, page)
  })
  return toConnection(rows, page, keyOf)
}

/** Checks the whole audit. @throws FORBIDDEN for anyone but admins and analysts */
export async function auditVerification(
  { stores, request }: UsersContext,
  anchor: string | null | undefined,
): Promise<Verification> {
  requireViewer(request)
  await stores.postgres.read(securityOf(request, 'audit'), requireStaff)
  return verifyAudit(stores.postgres, stores.signer, anchor ?? undefined)
}

/** Reads under the audit's role, and writes down first that it is read. */
function reading<T>(
  { stores, request }: UsersContext,
  what: string,
  page: Page,
  work: (tx: Transaction) => Promise<T>,
): Promise<T> {
  requireViewer(request)
  return stores.postgres.write(securityOf(request, 'audit'), async (tx) => {
    await noteReading(tx, what, page.limit)
    return work(tx)
  })
}

async function requireStaff(db: Parameters<typeof isStaff>[0]): Promise<void> {
  if (!(await isStaff(db))) throw codedError('FORBIDDEN', 'Only admins and analysts may read this.')
}

/** The values of entries of the viewer's own rows, by entry. */
async function ownValues({ stores, request }: UsersContext, rows: readonly AuditRecord[], userId: string) {
  const own = rows.filter(({ ownerId, operation }) => ownerId === userId && operation !== 'INSERT').map(({ id }) => id)
  const values = new Map<string, { old: unknown; new: unknown }>()
  if (own.length === 0) return values
  const [found, key] = await stores.postgres.read(securityOf(request, 'audit'), (db) =>
    Promise.all([findValues(db, own), ownKey(db)]),
  )
  for (const { entry_id: id, sealed, body } of found) {
    const text = sealed !== null && key !== null ? stores.fields.open(sealed, valuesPlace(id), key).toString() : body
    if (text !== null) values.set(id, JSON.parse(text))
  }
  return values
}

function toEntry(row: AuditRecord, values: { old: unknown; new: unknown } | undefined): AuditEntry {
  return {
    ...row,
    oldHash: row.oldHash?.toString('hex') ?? null,
    newHash: row.newHash?.toString('hex') ?? null,
    oldValues: values?.old ?? null,
    newValues: values?.new ?? null,
  }
}

function toFilter(input: AuditFilterInput): AuditFilter {
  const actorId = input.actorId == null ? null : uuidOf('User', input.actorId)
  if (input.actorId != null && actorId === null) throw codedError('BAD_USER_INPUT', '`actorId` is not a user’s id.')
  return {
    table: input.table ?? null,
    operation: input.operation ?? null,
    actorId,
    rowId: input.rowId ?? null,
    from: input.occurredFrom ?? null,
    before: input.occurredBefore ?? null,
  }
}

function keyOf({ id }: { readonly id: string }): [string] {
  return [id]
}
