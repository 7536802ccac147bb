import { uuidOf } from '../../../lib/ids.ts'
import { conflict, notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { MemoryContext } from '../context.ts'
import type { SessionRecord } from '../records.ts'
import { sessionsByIds } from '../store/sessions.ts'

interface NamedSession {
  readonly id: string
  readonly active: boolean
}

/** The viewer's session that an input names. Another's is as good as none. */
export async function namedSession(
  { viewer }: MemoryContext,
  tx: Transaction,
  globalId: string,
  lock: 'locked' | 'as it is' = 'as it is',
): Promise<NamedSession> {
  const id = uuidOf('ChatSession', globalId)
  if (id === null) throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
  if (lock === 'locked') await tx.lock(`session:${id}`)
  const session = await tx.prisma.chatSession.findFirst({
    where: { id, ownerId: viewer.userId },
    select: { id: true, active: true },
  })
  if (session === null) throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
  return session
}

/** The same of a session that must go on. */
export async function activeSession(...asked: Parameters<typeof namedSession>): Promise<NamedSession> {
  const session = await namedSession(...asked)
  if (!session.active) throw new ProblemError(conflict('The session has ended.', 'input', 'sessionId'))
  return session
}

/** The viewer's session of that id, which is about to be changed: locked until the transaction ends. */
export async function lockSession(
  { viewer }: MemoryContext,
  tx: Transaction,
  globalId: string,
): Promise<SessionRecord> {
  const id = uuidOf('ChatSession', globalId)
  if (id !== null) await tx.lock(`session:${id}`)
  const [session] = id === null ? [] : await sessionsByIds(tx, [id])
  if (session?.ownerId !== viewer.userId) throw new ProblemError(notFound('chat session', 'input', 'id'))
  return session
}
