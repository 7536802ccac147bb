import { codedError } from '../../../lib/errors.ts'
import { invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkAhead, checkJson, checkText, firstProblem, limits, requireVersion } from '../limits.ts'
import type { ContextRecord, ContextType, SessionRecord, Visibility } from '../records.ts'
import { countEntries, findEntry, putEntries, removeEntry } from '../store/context.ts'
import { activeSession, namedSession } from './sessions-named.ts'

export interface SetContextInput {
  readonly sessionId: string
  readonly key: string
  readonly value: unknown
  readonly type?: ContextType | null
  readonly accessLevel?: Visibility | null
  readonly priority?: number | null
  readonly persistent?: boolean | null
  readonly expiresAt?: Date | null
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

export interface DeleteContextInput {
  readonly sessionId: string
  readonly key: string
  readonly clientMutationId?: string | null
}

/** Keeps a value at hand in a session of the viewer's, under a key. */
export async function setContext(context: MemoryContext, input: SetContextInput) {
  const now = context.stores.clock.now()
  const problem = checkEntry(input, now)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'setContext', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await activeSession(context, tx, input.sessionId, 'locked')
    const { key } = input
    const found = await findEntry(tx, session.id, key)
    const version = versionOf(found, now)
    requireVersion('entry', version, input.expectedVersion)
    if (!found && (await countEntries(tx, session.id)) >= limits.contextEntries) {
      const message = `A session has at most ${limits.contextEntries} entries.`
      throw new ProblemError(limitExceeded(message, 'input', 'key'))
    }
    await putEntries(
      tx,
      [
        {
          id: stores.ids.next(),
          tenantId: viewer.tenantId,
          ownerId: viewer.userId,
          sessionId: session.id,
          key,
          value: input.value,
          type: input.type ?? 'CONVERSATION',
          accessLevel: input.accessLevel ?? 'PRIVATE',
          priority: input.priority ?? 1,
          version: version + 1,
          persistent: input.persistent ?? false,
          expiresAt: input.expiresAt ?? null,
        },
      ],
      now,
    )
    await append([eventOf(context, session.id, 'CONTEXT_SET', version + 1)])
    return { __typename: 'SetContextSuccess', sessionId: session.id, key } satisfies Answer
  })
}

/** Takes a value away from a session of the viewer's. */
export async function deleteContext(context: MemoryContext, input: DeleteContextInput) {
  const { stores, request } = context
  return mutate(stores, request, { name: 'deleteContext', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await namedSession(context, tx, input.sessionId, 'locked')
    const { key } = input
    const found = await findEntry(tx, session.id, key)
    if (!found || !(await removeEntry(tx, session.id, key))) {
      throw new ProblemError(notFound('entry', 'input', 'key'))
    }
    await append([eventOf(context, session.id, 'CONTEXT_DELETED', found.version + 1)])
    return { __typename: 'DeleteContextSuccess', sessionId: session.id, key } satisfies Answer
  })
}

/** A session's context, of some keys when they are given. @throws BAD_USER_INPUT for more than 100 keys */
export function entriesOf({ loaders }: MemoryContext, { id }: SessionRecord, keys: readonly string[] | null) {
  requireFew(keys)
  return loaders.contextOf(id, keys)
}

export function checkEntry(
  { key, value, priority, expiresAt }: Omit<SetContextInput, 'sessionId'>,
  now: Date,
): Problem | null {
  return firstProblem(
    () => checkText(key, limits.name, ['input', 'key'], 1),
    () => (value === null ? invalidInput('A value is needed; deleting takes one away.', 'input', 'value') : null),
    () => checkJson(value, limits.jsonBytes, ['input', 'value']),
    () => (Math.abs(priority ?? 1) > 1000 ? invalidInput('-1,000 to 1,000.', 'input', 'priority') : null),
    () => checkAhead(expiresAt, now, ['input', 'expiresAt']),
  )
}

/** One that has expired is not there for anyone, so its key begins anew. */
export function versionOf(found: Pick<ContextRecord, 'version' | 'expiresAt'> | null, now: Date): number {
  return found && (found.expiresAt === null || found.expiresAt > now) ? found.version : 0
}

/** @throws BAD_USER_INPUT for more than 100 keys */
export function requireFew(keys: readonly string[] | null): void {
  if (keys !== null && keys.length > 100) throw codedError('BAD_USER_INPUT', '`keys` may name at most 100 entries.')
}

/** That an entry of a session's context was set, or taken away. */
export function eventOf({ viewer }: MemoryContext, id: string, kind: string, version: number) {
  const audience = [viewer.userId]
  return { kind, type: 'ChatSession', id, version, before: audience, after: audience }
}
