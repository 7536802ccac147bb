import { toGlobalId } from '../../../../lib/ids.ts'
import type { MemoryContext } from '../../context.ts'
import type { SessionRecord } from '../../records.ts'
import { type TurnRecord, turnsByIds, turnsOfSession } from '../../store/turns.ts'

/** How long a chat's state is answered from the cache. Seconds. */
const cachedSeconds = 3600

interface State {
  readonly turnId: string
  readonly question: string
  readonly answer: string | null
  readonly updatedAt: string
}

const keyOf = (ownerId: string, sessionId: string) => `chat:${ownerId}:${sessionId}`

/** Notes where a chat stands after a turn. */
export async function cacheChat(context: MemoryContext, sessionId: string, turnId: string): Promise<void> {
  const { stores, viewer } = context
  const [turn] = await context.read((db) => turnsByIds(db, [turnId]))
  const state = turn && (await stateOf(context, turn))
  if (state) await stores.cache.set(viewer.tenantId, keyOf(viewer.userId, sessionId), state, cachedSeconds)
}

/** What was noted of a chat is not answered any more. */
export async function forgetChat({ stores, viewer }: MemoryContext, sessionId: string): Promise<void> {
  await stores.cache.delete(viewer.tenantId, keyOf(viewer.userId, sessionId))
}

/** From the cache, or from the latest turn. */
export async function chatState(context: MemoryContext, session: SessionRecord) {
  const { stores, viewer, loaders } = context
  const found = await stores.cache.get<State>(viewer.tenantId, keyOf(session.ownerId, session.id))
  if (found) return shown(found, true)
  const { nodes } = await loaders.listUnder<TurnRecord>(['latest turn'], turnsOfSession, session.id, { first: 1 })
  const state = nodes[0] && (await stateOf(context, nodes[0]))
  return state ? shown(state, false) : null
}

async function stateOf(context: MemoryContext, turn: TurnRecord): Promise<State | null> {
  const ids = [turn.questionId, ...(turn.answerId === null ? [] : [turn.answerId])]
  const messages = await Promise.all(ids.map((id) => context.loaders.message.load(id)))
  const contentOf = (id: string | null) => messages.find((message) => message?.id === id)?.content ?? null
  const question = contentOf(turn.questionId)
  if (question === null) return null
  const { id, answerId, updatedAt } = turn
  return {
    turnId: toGlobalId('ChatTurn', id),
    question,
    answer: contentOf(answerId),
    updatedAt: updatedAt.toISOString(),
  }
}

function shown(state: State, cached: boolean) {
  return { ...state, updatedAt: new Date(state.updatedAt), cached }
}
