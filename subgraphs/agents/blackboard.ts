import { type PageArguments, parsePage } from '../../lib/connection.ts'
import type { Position } from '../../lib/cursor.ts'
import { codedError } from '../../lib/errors.ts'
import { requireUuid, uuidOf } from '../../lib/ids.ts'
import { limitExceeded, notFound, ProblemError } from '../../lib/problems.ts'
import type { Transaction } from '../../stores/postgres/postgres.ts'
import { follow } from '../follow.ts'
import { mutate } from '../mutate.ts'
import { requireViewer } from '../security.ts'
import {
  countEvents,
  type EventRecord,
  findEvents,
  insertEvent,
  listEvents,
  nextNumbers,
  sessionExists,
} from './blackboard-store.ts'
import { type AgentsContext, read } from './context.ts'
import type { CountedConnection } from './lists.ts'
import { type BlackboardEvent, toBlackboardEvent } from './mappers.ts'
import { checkObject, checkPayload, checkSeen } from './rules.ts'
import { ownedBy, requireSession } from './service.ts'
import { findAgents } from './store.ts'

/** How many causes an event may have: each keeps the whole chain. */
const longestChain = 1000

export interface PostToBlackboardInput {
  readonly sessionId: string
  readonly sourceId: string
  readonly targetId?: string | null
  readonly type: string
  readonly performative?: string | null
  readonly payload: unknown
  readonly semanticContext?: unknown
  readonly parentId?: string | null
  readonly seenTimestamp?: number | null
  readonly clientMutationId?: string | null
}

/** Posts an event with the session's next sequence number and Lamport time (Lamport 1978, rules IR1 and IR2). */
export function postToBlackboard({ stores, request }: AgentsContext, input: PostToBlackboardInput) {
  const viewer = requireViewer(request)
  return mutate(stores, request, { name: 'postToBlackboard', input, room: 'agents' }, async ({ tx, append }) => {
    const payload = checkPayload(input.payload)
    const semanticContext = checkObject(input.semanticContext, 'semanticContext')
    const seen = checkSeen(input.seenTimestamp)
    // Before the first write, so that events stand in the log in the order of their sequence numbers.
    await tx.lock(`Blackboard:${uuidOf('ChatSession', input.sessionId)}`)
    const sessionId = await requireSession(tx, input.sessionId)
    const { sourceId, targetId } = await requireAgents(tx, input)
    const parent = await requireParent(tx, sessionId, input.parentId ?? null)
    const owned = ownedBy(viewer)
    // The board's own time is never below its parent's, which stands on it.
    const numbers = await nextNumbers(tx, { sessionId, ...owned }, seen)
    const id = request.ids.next()
    const [position] = await append([
      {
        kind: 'POSTED',
        type: 'BlackboardEvent',
        id,
        after: [viewer.userId],
        payload: { sessionId, sequence: numbers.sequence },
      },
    ])
    await insertEvent(tx, owned.tenantId, {
      id,
      ownerId: owned.ownerId,
      sessionId,
      ...numbers,
      type: input.type,
      performative: input.performative ?? 'INFORM',
      sourceId,
      targetId,
      payload,
      semanticContext,
      parentId: parent?.id ?? null,
      causalityChain: parent === null ? [] : [...parent.causalityChain, parent.id],
      createdAt: request.clock.now(),
      position: position as Position,
    })
    return { __typename: 'PostToBlackboardSuccess', event: id }
  })
}

async function requireAgents(tx: Transaction, input: PostToBlackboardInput) {
  const sourceId = uuidOf('Agent', input.sourceId)
  const targetId = input.targetId == null ? null : uuidOf('Agent', input.targetId)
  const found = await findAgents(
    tx,
    [sourceId, targetId].filter((id) => id !== null),
  )
  const has = (id: string | null): id is string => found.some((agent) => agent.id === id)
  if (!has(sourceId)) throw new ProblemError(notFound('agent', 'input', 'sourceId'))
  if (input.targetId != null && !has(targetId)) throw new ProblemError(notFound('agent', 'input', 'targetId'))
  return { sourceId, targetId }
}

async function requireParent(tx: Transaction, sessionId: string, id: string | null): Promise<EventRecord | null> {
  if (id === null) return null
  const rowId = uuidOf('BlackboardEvent', id)
  const [parent] = rowId === null ? [] : await findEvents(tx, [rowId])
  if (parent?.sessionId !== sessionId) throw new ProblemError(notFound('event in the session', 'input', 'parentId'))
  if (parent.causalityChain.length >= longestChain) {
    throw new ProblemError(
      limitExceeded(`An event has at most ${longestChain.toLocaleString('en')} causes.`, 'input', 'parentId'),
    )
  }
  return parent
}

export interface BlackboardArguments {
  readonly sessionId: string
  readonly after?: string | null
  readonly first?: number | null
}

/** A page of a session's events. Their cursors are event cursors, so that a subscription goes on where a page ended. */
export async function blackboard(
  context: AgentsContext,
  { sessionId: id, after, first }: BlackboardArguments,
): Promise<CountedConnection<BlackboardEvent>> {
  const { cursors } = context.stores
  const viewer = requireViewer(context.request)
  const sessionId = requireUuid('ChatSession', id, 'sessionId')
  const place = after == null ? null : cursors.decode(after, viewer.userId)
  const { limit } = parsePage({ first: first ?? null } satisfies PageArguments, 'blackboard')
  const rows = await read(context, (db) => listEvents(db, sessionId, place, limit + 1))
  const nodes = rows.slice(0, limit).map((row) => toBlackboardEvent(row, cursors))
  return {
    edges: nodes.map((node) => ({ cursor: node.cursor, node })),
    nodes,
    pageInfo: {
      hasNextPage: rows.length > limit,
      hasPreviousPage: place !== null,
      startCursor: nodes[0]?.cursor ?? null,
      endCursor: nodes.at(-1)?.cursor ?? null,
    },
    totalCount: () => read(context, (db) => countEvents(db, sessionId)),
  }
}

/**
 * What is posted to a session's blackboard after a cursor, or from now on.
 * @throws BAD_USER_INPUT when the viewer has no such session
 */
export async function followBlackboard(context: AgentsContext, { sessionId: id, after }: BlackboardArguments) {
  const { stores, request } = context
  requireViewer(request)
  const sessionId = requireUuid('ChatSession', id, 'sessionId')
  if (!(await read(context, (db) => sessionExists(db, sessionId)))) {
    throw codedError('BAD_USER_INPUT', 'There is no such session.')
  }
  return follow(stores, request, 'agents', after, async (event): Promise<BlackboardEvent | null> => {
    if (event.type !== 'BlackboardEvent' || event.payload.sessionId !== sessionId) return null
    const [row] = await read(context, (db) => findEvents(db, [event.id]))
    return row ? toBlackboardEvent(row, stores.cursors) : null
  })
}

/** The event of a row's id, when it exists for the viewer. */
export async function findEvent({ loaders, stores }: AgentsContext, id: string): Promise<BlackboardEvent | null> {
  const row = await loaders.events.load(id)
  return row && toBlackboardEvent(row, stores.cursors)
}
