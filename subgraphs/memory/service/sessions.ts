import type { Prisma } from '../../../generated/prisma/client.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { invalidInput, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkText, firstProblem, limits, requireVersion } from '../limits.ts'
import type { ChatMode } from '../records.ts'
import { knownNodes, ownedSessions } from '../store/lookups.ts'
import { updateSession } from '../store/sessions.ts'
import { lockSession } from './sessions-named.ts'

export interface OpenChatSessionInput {
  readonly mode?: ChatMode | null
  readonly title?: string | null
  readonly parentId?: string | null
  readonly configuration?: unknown
  readonly metadata?: unknown
  readonly consensusNodeId?: string | null
  readonly externalId?: string | null
  readonly clientMutationId?: string | null
}

export interface UpdateChatSessionInput {
  readonly id: string
  readonly title?: string | null
  readonly mode?: ChatMode | null
  readonly configuration?: unknown
  readonly metadata?: unknown
  readonly consensusNodeId?: string | null
  readonly expectedVersion?: number | null
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
    const parentId = input.parentId == null ? null : uuidOf('ChatSession', input.parentId)
    // The parent too, so that it is not deleted meanwhile.
    await tx.lock(
      ...(externalId === null ? [] : [`session-name:${viewer.userId}:${externalId}`]),
      ...(parentId === null ? [] : [`session:${parentId}`]),
    )
    if (externalId !== null) {
      const found = await tx.prisma.chatSession.findFirst({ where: { ownerId: viewer.userId, externalId } })
      if (found) return opened(found.id)
    }
    const parents = await ownedSessions(tx, viewer, parentId === null ? [] : [parentId])
    if (input.parentId != null && !(parentId !== null && parents.has(parentId))) {
      throw new ProblemError(notFound('chat session', 'input', 'parentId'))
    }
    const consensusNodeId = await namedNode(tx, input.consensusNodeId)
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
        consensusNodeId,
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

/** Changes what is said of a session of the viewer's, or how it is led. */
export async function updateChatSession(context: MemoryContext, input: UpdateChatSessionInput) {
  const problem = checkUpdate(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'updateChatSession', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await lockSession(context, tx, input.id)
    requireVersion('session', session.version, input.expectedVersion)
    await updateSession(
      tx,
      session.id,
      {
        mode: input.mode ?? session.mode,
        title: input.title === undefined ? session.title : input.title,
        configuration: input.configuration ?? session.configuration,
        metadata: input.metadata === undefined ? session.metadata : input.metadata,
        consensusNodeId:
          input.consensusNodeId === undefined ? session.consensusNodeId : await namedNode(tx, input.consensusNodeId),
        version: session.version + 1,
      },
      stores.clock.now(),
    )
    const audience = [viewer.userId]
    const version = session.version + 1
    await append([
      { kind: 'SESSION_UPDATED', type: 'ChatSession', id: session.id, version, before: audience, after: audience },
    ])
    return { __typename: 'UpdateChatSessionSuccess', sessionId: session.id } satisfies Answer
  })
}

/** Ends a session; one that has ended stays as it is. */
export async function endChatSession(context: MemoryContext, input: EndChatSessionInput) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'endChatSession', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await lockSession(context, tx, input.id)
    const { id } = session
    if (session.active) {
      const now = stores.clock.now()
      const version = session.version + 1
      const data = { active: false, endedAt: now, updatedAt: now, version }
      await tx.prisma.chatSession.updateMany({ where: { id }, data })
      const audience = [viewer.userId]
      await append([{ kind: 'SESSION_ENDED', type: 'ChatSession', id, version, before: audience, after: audience }])
    }
    return { __typename: 'EndChatSessionSuccess', sessionId: id } satisfies Answer
  })
}

/** The row of what is held to be known, which must be the viewer's. */
async function namedNode(tx: Transaction, globalId: string | null | undefined): Promise<string | null> {
  if (globalId == null) return null
  const id = uuidOf('ConsensusNode', globalId)
  if (id === null || !(await knownNodes(tx, [id])).has(id)) {
    throw new ProblemError(notFound('consensus node', 'input', 'consensusNodeId'))
  }
  return id
}

function checkUpdate(input: UpdateChatSessionInput): Problem | null {
  // An explicit null clears what can be empty; of the rest it says nothing, like leaving it out.
  const { title, metadata, mode, configuration, consensusNodeId } = input
  const clears = [title, metadata, consensusNodeId].some((value) => value !== undefined)
  const says = clears || mode != null || configuration != null
  return firstProblem(
    () => (says ? null : invalidInput('Say what to change.', 'input')),
    () => checkText(title, limits.title, ['input', 'title']),
    () => checkObject(configuration, ['input', 'configuration']),
    () => checkObject(metadata, ['input', 'metadata']),
  )
}

function opened(sessionId: string) {
  return { __typename: 'OpenChatSessionSuccess', sessionId } satisfies Answer
}
