import type { Prisma } from '../../../generated/prisma/client.ts'
import { limitExceeded, ProblemError } from '../../../lib/problems.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { requirePermission } from '../access.ts'
import { read, type UsersContext } from '../context.ts'
import { type Setting, toProfile, toSetting } from '../mappers.ts'
import { checkKey, checkLocale, checkObject, checkText, checkTimezone, checkValue } from '../rules.ts'
import { findProfile, type ProfileChange, saveProfile, setDisplayName } from '../store/profiles.ts'
import { countSettings, deleteSetting, listSettings, saveSetting } from '../store/settings.ts'

interface Keyed {
  readonly clientMutationId?: string | null
}

export interface UpdateProfileInput extends Keyed {
  readonly displayName?: string | null
  readonly firstName?: string | null
  readonly lastName?: string | null
  readonly timezone?: string | null
  readonly locale?: string | null
  readonly preferences?: unknown
}

export interface SetSettingInput extends Keyed {
  readonly key: string
  readonly value?: unknown
  readonly scope: 'USER' | 'GLOBAL'
}

/** For each owner; a client that needs more has one setting that holds several. */
const mostSettings = 500

/** What the viewer tells of himself; empty until he does. */
export async function profile(context: UsersContext) {
  const { userId } = requireViewer(context.request)
  return toProfile(await read(context, (db) => findProfile(db, userId)))
}

/** Changes what is given; null takes it away, and what is left out stays. */
export function updateProfile({ stores, request }: UsersContext, input: UpdateProfileInput) {
  const { userId, tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'updateProfile', input, room: 'users' }, async ({ tx }) => {
    const change = checkProfile(input)
    const at = request.clock.now()
    if (input.displayName !== undefined) {
      await setDisplayName(tx, userId, checkText(input.displayName, 'displayName', 100), at)
    }
    await saveProfile(tx, { tenantId, ownerId: userId }, change, at)
    return { __typename: 'UpdateProfileSuccess', user: userId }
  })
}

function checkProfile(input: UpdateProfileInput): ProfileChange {
  const { firstName, lastName, timezone, locale, preferences } = input
  return {
    ...(firstName === undefined ? {} : { firstName: checkText(firstName, 'firstName', 100) }),
    ...(lastName === undefined ? {} : { lastName: checkText(lastName, 'lastName', 100) }),
    ...(timezone === undefined ? {} : { timezone: checkTimezone(timezone) }),
    ...(locale === undefined ? {} : { locale: checkLocale(locale) }),
    ...(preferences === undefined
      ? {}
      : { preferences: (checkObject(preferences, 'preferences') ?? {}) as Prisma.InputJsonObject }),
  }
}

/** The settings that hold for the viewer: those of his tenant, and his own. */
export async function settings(context: UsersContext): Promise<Setting[]> {
  requireViewer(context.request)
  return (await read(context, (db) => listSettings(db, 2 * mostSettings))).map(toSetting)
}

/** Sets a setting of the viewer's, or, for those who may, one that holds for the tenant. Null takes it away. */
export function setSetting({ stores, request }: UsersContext, input: SetSettingInput) {
  const { userId, tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'setSetting', input, room: 'users' }, async ({ tx }) => {
    const key = checkKey(input.key)
    const value = checkValue(input.value)
    if (input.scope === 'GLOBAL') await requirePermission(tx, 'MANAGE_SETTINGS')
    const place = { tenantId, ownerId: input.scope === 'GLOBAL' ? null : userId, key }
    const success = (setting: string | null) => ({ __typename: 'SetSettingSuccess', setting })
    if (value === null) {
      await deleteSetting(tx, place)
      return success(null)
    }
    await tx.lock(`settings:${place.ownerId ?? tenantId}`)
    if ((await countSettings(tx, place)) >= mostSettings) {
      throw new ProblemError(limitExceeded(`There are at most ${mostSettings} settings.`, 'input', 'key'))
    }
    return success(await saveSetting(tx, request.ids.next(), place, value, request.clock.now()))
  })
}
