import type { Prisma } from '../../../generated/prisma/client.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { notFound, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkText, firstProblem, limits } from '../limits.ts'
import type { ChatMode } from '../records.ts'
import { ownedSessions } from '../store/lookups.ts'

export interface OpenChatSessionInput {
  readonly mode?: ChatMode | null
  readonly title?: string | null
  readonly parentId?: string | null
  readonly configuration?: unknown
  readonly metadata?: unknown
  readonly externalId?: string | null
  readonly clientMutationId?: string | null
}

export interface EndChatSessionInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** Opens a session, or finds the one of that name. */
export async function openChatSession(context: MemoryContext, input: OpenChatSessionInput) {
  const problem = firstProblem(
    () => checkText(input.title, limits.title, ['input', 'title']),
    () => checkText(input.externalId, limits.name, ['input', 'externalId'], 1),
    () => checkObject(input.configuration, ['input', 'configuration']),
    () => checkObject(input.metadata, ['input', 'metadata']),
  )
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'openChatSession', input, room: 'memory' }, async ({ tx, append }) => {
    const externalId = input.externalId ?? null
    if (externalId !== null) {
      await tx.lock(`session-name:${viewer.userId}:${externalId}`)
      const found = await tx.prisma.chatSession.findFirst({ where: { ownerId: viewer.userId, externalId } })
      if (found) return opened(found.id)
    }
    const parentId = input.parentId == null ? null : uuidOf('ChatSession', input.parentId)
    const parents = await ownedSessions(tx, viewer, parentId === null ? [] : [parentId])
    if (input.parentId != null && !(parentId !== null && parents.has(parentId))) {
      throw new ProblemError(notFound('chat session', 'input', 'parentId'))
    }
    const id = stores.ids.next()
    const now = stores.clock.now()
    await tx.prisma.chatSession.create({
      data: {
        id,
        tenantId: viewer.tenantId,
        ownerId: viewer.userId,
        mode: input.mode ?? 'SIMPLE',
        title: input.title ?? null,
        parentId,
        configuration: (input.configuration ?? {}) as Prisma.InputJsonObject,
        ...(input.metadata == null ? {} : { metadata: input.metadata as Prisma.InputJsonObject }),
        externalId,
        createdAt: now,
        updatedAt: now,
      },
      select: { id: true },
    })
    await append([{ kind: 'SESSION_OPENED', type: 'ChatSession', id, after: [viewer.userId] }])
    return opened(id)
  })
}

/** Ends a session; one that has ended stays as it is. */
export async function endChatSession(context: MemoryContext, input: EndChatSessionInput) {
  const { stores, request, viewer } = context
  const id = uuidOf('ChatSession', input.id)
  return mutate(stores, request, { name: 'endChatSession', input, room: 'memory' }, async ({ tx, append }) => {
    if (id === null) throw new ProblemError(notFound('chat session', 'input', 'id'))
    await tx.lock(`session:${id}`)
    const now = stores.clock.now()
    const session = await tx.prisma.chatSession.findFirst({ where: { id, ownerId: viewer.userId } })
    if (session === null) throw new ProblemError(notFound('chat session', 'input', 'id'))
    if (session.active) {
      await tx.prisma.chatSession.updateMany({ where: { id }, data: { active: false, endedAt: now, updatedAt: now } })
      const audience = [viewer.userId]
      await append([{ kind: 'SESSION_ENDED', type: 'ChatSession', id, version: 2, before: audience, after: audience }])
    }
    return { __typename: 'EndChatSessionSuccess', sessionId: id } satisfies Answer
  })
}

function opened(sessionId: string) {
  return { __typename: 'OpenChatSessionSuccess', sessionId } satisfies Answer
}
