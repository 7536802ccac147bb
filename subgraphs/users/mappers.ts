import type { Role } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { DeviceRecord } from './store/devices.ts'
import type { ProfileRecord } from './store/profiles.ts'
import type { SessionRecord } from './store/sessions.ts'
import type { SettingRecord } from './store/settings.ts'
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
  readonly status: string | null
}

export function toUser({ id, username, displayName, createdAt, email, role, status }: CardRecord): User {
  return {
    __typename: 'User',
    id: toGlobalId('User', id),
    username,
    displayName: displayName ?? username,
    createdAt,
    email,
    role,
    status,
  }
}

/** `UserSession` of the graph. */
export interface UserSession
  extends Pick<SessionRecord, 'methods' | 'address' | 'createdAt' | 'lastUsedAt' | 'expiresAt' | 'endedAt'> {
  readonly __typename: 'UserSession'
  readonly id: string
  readonly rowId: string
  readonly userAgent: string | null
  readonly deviceId: string | null
}

export function toUserSession(row: SessionRecord): UserSession {
  const { id, methods, address, agent, deviceId, createdAt, lastUsedAt, expiresAt, endedAt } = row
  const shown = { methods, address, userAgent: agent, deviceId, createdAt, lastUsedAt, expiresAt, endedAt }
  return { __typename: 'UserSession', id: toGlobalId('UserSession', id), rowId: id, ...shown }
}

/** `Profile` of the graph. */
export interface Profile extends Pick<ProfileRecord, 'firstName' | 'lastName' | 'timezone' | 'locale' | 'preferences'> {
  readonly updatedAt: Date | null
}

export function toProfile(row: ProfileRecord | null): Profile {
  const { firstName = null, lastName = null, timezone = null, locale = null } = row ?? {}
  return {
    firstName,
    lastName,
    timezone,
    locale,
    preferences: row?.preferences ?? {},
    updatedAt: row?.updatedAt ?? null,
  }
}

/** `Setting` of the graph. */
export interface Setting extends Pick<SettingRecord, 'key' | 'value' | 'updatedAt'> {
  readonly scope: 'USER' | 'GLOBAL'
}

export function toSetting({ key, value, ownerId, updatedAt }: SettingRecord): Setting {
  return { key, value, scope: ownerId === null ? 'GLOBAL' : 'USER', updatedAt }
}

/** `Device` of the graph. */
export interface Device
  extends Pick<
    DeviceRecord,
    'name' | 'type' | 'securityLevel' | 'trustedUntil' | 'createdAt' | 'lastSeenAt' | 'revokedAt'
  > {
  readonly __typename: 'Device'
  readonly id: string
}

export function toDevice(row: DeviceRecord): Device {
  const { id, name, type, securityLevel, trustedUntil, createdAt, lastSeenAt, revokedAt } = row
  const shown = { name, type, securityLevel, trustedUntil, createdAt, lastSeenAt, revokedAt }
  return { __typename: 'Device', id: toGlobalId('Device', id), ...shown }
}
