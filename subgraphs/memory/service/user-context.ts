import { limitExceeded, notFound, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { limits, requireVersion } from '../limits.ts'
import type { ContextRecord, SessionRecord } from '../records.ts'
import { countUserEntries, findUserEntry, putUserEntry, removeUserEntry } from '../store/user-context.ts'
import { checkEntry, requireFew, type SetContextInput, versionOf } from './context.ts'

export type SetUserContextInput = Omit<SetContextInput, 'sessionId' | 'persistent'>

export interface DeleteUserContextInput {
  readonly key: string
  readonly clientMutationId?: string | null
}

/** Keeps a value at hand for all of the viewer's sessions, under a key. */
export async function setUserContext(context: MemoryContext, input: SetUserContextInput) {
  const now = context.stores.clock.now()
  const problem = checkEntry(input, now)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'setUserContext', input, room: 'memory' }, async ({ tx, append }) => {
    await tx.lock(`user-context:${viewer.userId}`)
    const { key } = input
    const found = await findUserEntry(tx, viewer, key)
    const version = versionOf(found, now)
    requireVersion('entry', version, input.expectedVersion)
    if (!found && (await countUserEntries(tx, viewer)) >= limits.contextEntries) {
      const message = `A user has at most ${limits.contextEntries} entries.`
      throw new ProblemError(limitExceeded(message, 'input', 'key'))
    }
    const entry = {
      id: found?.id ?? stores.ids.next(),
      key,
      value: input.value,
      type: input.type ?? 'PREFERENCE',
      accessLevel: input.accessLevel ?? 'PRIVATE',
      priority: input.priority ?? 1,
      version: version + 1,
      expiresAt: input.expiresAt ?? null,
    }
    await putUserEntry(tx, viewer, entry, now)
    await append([eventOf(context, entry.id, 'USER_CONTEXT_SET', entry.version)])
    return { __typename: 'SetUserContextSuccess', key } satisfies Answer
  })
}

/** Takes away a value that was kept for all of the viewer's sessions. */
export async function deleteUserContext(context: MemoryContext, input: DeleteUserContextInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'deleteUserContext', input, room: 'memory' }, async ({ tx, append }) => {
    await tx.lock(`user-context:${viewer.userId}`)
    const found = await findUserEntry(tx, viewer, input.key)
    if (found === null) throw new ProblemError(notFound('entry', 'input', 'key'))
    await removeUserEntry(tx, found.id)
    await append([eventOf(context, found.id, 'USER_CONTEXT_DELETED', found.version + 1)])
    return { __typename: 'DeleteUserContextSuccess', key: input.key } satisfies Answer
  })
}

export interface EffectiveEntry {
  readonly entry: Omit<ContextRecord, 'sessionId'>
  readonly origin: 'SESSION' | 'ANCESTOR' | 'USER'
  readonly sessionId: string | null
}

/** What holds in a session, of each key the nearest. @throws BAD_USER_INPUT for more than 100 keys */
export async function effectiveContext(
  { loaders }: MemoryContext,
  { id, ownerId }: SessionRecord,
  keys: readonly string[] | null,
): Promise<EffectiveEntry[]> {
  requireFew(keys)
  const line = [id, ...(await loaders.ancestorsOf(id))]
  const [ofUser, ...ofSessions] = await Promise.all([
    loaders.userContextOf(ownerId, keys),
    ...line.map((sessionId) => loaders.contextOf(sessionId, keys)),
  ])
  const holding = new Map<string, EffectiveEntry>()
  // From the farthest to the nearest, each taking the place of what was there.
  for (const entry of ofUser) holding.set(entry.key, { entry, origin: 'USER', sessionId: null })
  for (const entry of ofSessions.reverse().flat()) {
    const origin = entry.sessionId === id ? 'SESSION' : 'ANCESTOR'
    holding.set(entry.key, { entry, origin, sessionId: entry.sessionId })
  }
  return [...holding.values()].sort(
    ({ entry: a }, { entry: b }) => b.priority - a.priority || Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)),
  )
}

function eventOf({ viewer }: MemoryContext, id: string, kind: string, version: number) {
  const audience = [viewer.userId]
  return { kind, type: 'UserContext', id, version, before: audience, after: audience }
}
