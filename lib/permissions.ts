import type { Role } from './context.ts'

/** What somebody may do, beyond what is his own. */
export type Permission =
  | 'READ_GRAPH'
  | 'WRITE_GRAPH'
  | 'READ_AUDIT'
  | 'READ_METRICS'
  | 'MANAGE_USERS'
  | 'MANAGE_TEAMS'
  | 'MANAGE_SERVICES'
  | 'MANAGE_SETTINGS'
  | 'MANAGE_RETENTION'

const member: readonly Permission[] = ['READ_GRAPH', 'WRITE_GRAPH']
const analyst: readonly Permission[] = [...member, 'READ_AUDIT', 'READ_METRICS']
const admin: readonly Permission[] = [
  ...analyst,
  'MANAGE_USERS',
  'MANAGE_TEAMS',
  'MANAGE_SERVICES',
  'MANAGE_SETTINGS',
  'MANAGE_RETENTION',
]

/** What each role may do. A service may do what its scopes say, and nothing by its role. */
const byRole: Readonly<Record<Role, readonly Permission[]>> = {
  ADMIN: admin,
  ANALYST: analyst,
  MEMBER: member,
  SERVICE: [],
}

export function permissionsOf(role: Role): readonly Permission[] {
  return byRole[role]
}
