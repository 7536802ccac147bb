import type { Role } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { CardRecord } from './store.ts'

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
