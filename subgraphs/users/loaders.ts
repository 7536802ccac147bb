import DataLoader from 'dataloader'
import type { RequestContext } from '../../lib/context.ts'
import type { Database } from '../../stores/postgres/postgres.ts'
import type { Stores } from '../../stores/stores.ts'
import { loaderReads } from '../loader-reads.ts'
import { type DeviceRecord, findDevices } from './store/devices.ts'
import { findPasskeys, type PasskeyRecord } from './store/passkeys.ts'
import {
  findServiceAccounts,
  findServiceTokens,
  type ServiceAccountRecord,
  type ServiceTokenRecord,
} from './store/services.ts'
import { findSessions, type SessionRecord } from './store/sessions.ts'
import { findInvitations, findTeams, type InvitationRecord, type TeamRecord } from './store/teams.ts'
import { type CardRecord, findCards } from './store/users.ts'

/** Rows by their id, as far as the viewer may see them. */
export interface Loaders {
  readonly users: DataLoader<string, CardRecord | null>
  readonly sessions: DataLoader<string, SessionRecord | null>
  readonly devices: DataLoader<string, DeviceRecord | null>
  readonly passkeys: DataLoader<string, PasskeyRecord | null>
  readonly serviceAccounts: DataLoader<string, ServiceAccountRecord | null>
  readonly serviceTokens: DataLoader<string, ServiceTokenRecord | null>
  readonly teams: DataLoader<string, TeamRecord | null>
  readonly invitations: DataLoader<string, InvitationRecord | null>
}

export function createLoaders(stores: Stores, request: RequestContext): Loaders {
  const read = loaderReads(stores, request, 'users')
  const byId = <T extends { readonly id: string }>(find: (db: Database, ids: readonly string[]) => Promise<T[]>) =>
    new DataLoader<string, T | null>(async (ids) => {
      const rows = await read((db) => find(db, ids))
      const found = new Map(rows.map((row) => [row.id, row]))
      return ids.map((id) => found.get(id) ?? null)
    })
  return {
    users: byId(findCards),
    sessions: byId(findSessions),
    devices: byId(findDevices),
    passkeys: byId(findPasskeys),
    serviceAccounts: byId(findServiceAccounts),
    serviceTokens: byId(findServiceTokens),
    teams: byId(findTeams),
    invitations: byId(findInvitations),
  }
}
