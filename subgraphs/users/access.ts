import type { Role } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { type Permission, permissionsOf } from '../../lib/permissions.ts'
import { forbidden, ProblemError } from '../../lib/problems.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import { read, type UsersContext } from './context.ts'

/** Whether the viewer has a permission by the role that he has now: his token may tell of an older one. */
async function holds(db: Database, permission: Permission): Promise<boolean> {
  const [row] = await db.query<{ role: Role | null }>('SELECT users.viewer_role() AS role')
  return row?.role != null && permissionsOf(row.role).includes(permission)
}

/** @throws ProblemError with `Forbidden`: for what a mutation does */
export async function requirePermission(db: Database, permission: Permission): Promise<void> {
  if (!(await holds(db, permission))) throw new ProblemError(forbidden(`This needs the permission ${permission}.`))
}

/** @throws FORBIDDEN: for what a query reads */
export async function requireReader(context: UsersContext, permission: Permission): Promise<void> {
  const allowed = await read(context, (db) => holds(db, permission))
  if (!allowed) throw codedError('FORBIDDEN', `This needs the permission ${permission}.`)
}
