import type { Role } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { SessionRecord } from './store/sessions.ts'
import type { CardRecord } from './store/users.ts'

/** `User` of the graph; email and role are null when the viewer may not see them. */
export interface User {
  readonly __typename: 'User'
  readonly id: string
  readonly username: string
  readonly displayName: string
  readonly createdAt: Date
  readonly email: string | null
  readonly role: Role | null
}

export function toUser({ id, username, displayName, createdAt, email, role }: CardRecord): User {
  return {
    __typename: 'User',
    id: toGlobalId('User', id),
    username,
    displayName: displayName ?? username,
    createdAt,
    email,
    role,
  }
}

/** `UserSession` of the graph. */
export interface UserSession
  extends Pick<SessionRecord, 'methods' | 'address' | 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'endedAt'> {
  readonly __typename: 'UserSession'
  readonly id: string
  readonly rowId: string
  readonly userAgent: string | null
}

export function toUserSession(row: SessionRecord): UserSession {
  const { id, methods, address, agent, createdAt, lastUsedAt, expiresAt, endedAt } = row
  const shown = { methods, address, userAgent: agent, createdAt, lastUsedAt, expiresAt, endedAt }
  return { __typename: 'UserSession', id: toGlobalId('UserSession', id), rowId: id, ...shown }
}
