import DataLoader from 'dataloader'
import type { RequestContext } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import { securityOf } from '../security.ts'
import { type CardRecord, findCards } from './store.ts'

export type UserLoader = DataLoader<string, CardRecord | null>

/** Users by their row's id, as far as the viewer may see them. */
export function createUserLoader(stores: Stores, request: RequestContext): UserLoader {
  return new DataLoader(async (ids) => {
    const rows = await stores.postgres.read(securityOf(request, 'users'), (db) => findCards(db, ids))
    const byId = new Map(rows.map((row) => [row.id, row]))
    return ids.map((id) => byId.get(id) ?? null)
  })
}
