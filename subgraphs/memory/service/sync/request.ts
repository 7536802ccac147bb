import { uuidOf } from '../../../../lib/ids.ts'
import { conflict, invalidInput, notFound, type Problem, ProblemError } from '../../../../lib/problems.ts'
import type { Transaction } from '../../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkCount, checkText, firstProblem, limits } from '../../limits.ts'
import { insertSync } from '../../store/syncs.ts'
import type { SyncType } from '../../sync-records.ts'
import type { ConflictStrategy } from './decide.ts'
import { runSync, syncEvent } from './run.ts'

export interface SyncMemoryInput {
  readonly sourceId: string
  readonly targetId: string
  readonly type: SyncType
  readonly strategy?: ConflictStrategy | null
  readonly keys?: readonly string[] | null
  readonly memoryIds?: readonly string[] | null
  readonly clientMutationId?: string | null
}

/** Writes down what is to be handed over, then does it. What is not done here is done by the room's job. */
export async function syncMemory(context: MemoryContext, input: SyncMemoryInput) {
  const problem = checkInput(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  const answer = await mutate(
    stores,
    request,
    { name: 'syncMemory', input, room: 'memory' },
    async ({ tx, append }) => {
      const sourceId = uuidOf('ChatSession', input.sourceId)
      const targetId = uuidOf('ChatSession', input.targetId)
      await tx.lock(`session:${sourceId}`, `session:${targetId}`)
      await requireSessions(context, tx, sourceId, targetId)
      const keys = input.memoryIds ? await memoriesIn(tx, sourceId ?? '', input.memoryIds) : (input.keys ?? [])
      const id = stores.ids.next()
      const draft = {
        id,
        sourceId: sourceId ?? '',
        targetId: targetId ?? '',
        type: input.type,
        strategy: input.strategy ?? 'NEWEST',
        keys: [...new Set(keys)],
      }
      await insertSync(tx, viewer, draft, stores.clock.now())
      await append([syncEvent(viewer.userId, id, 'PENDING', 1)])
      return { __typename: 'SyncMemorySuccess', syncId: id } satisfies Answer
    },
  )
  if ('syncId' in answer) await runSync(context, answer.syncId)
  return answer
}

function checkInput({ sourceId, targetId, type, keys, memoryIds }: SyncMemoryInput): Problem | null {
  const knowledge = type === 'KNOWLEDGE_SHARE'
  return firstProblem(
    () =>
      sourceId === targetId ? invalidInput('A session has nothing to give to itself.', 'input', 'targetId') : null,
    () => (keys && knowledge ? invalidInput('KNOWLEDGE_SHARE takes `memoryIds`.', 'input', 'keys') : null),
    () => (memoryIds && !knowledge ? invalidInput('Only KNOWLEDGE_SHARE takes memories.', 'input', 'memoryIds') : null),
    () => checkCount(keys, limits.synced, ['input', 'keys']),
    () => checkCount(memoryIds, limits.synced, ['input', 'memoryIds']),
    ...(keys ?? []).map((key, i) => () => checkText(key, limits.name, ['input', 'keys', String(i)], 1)),
  )
}

/** Both must be the viewer's, and the target must go on. */
async function requireSessions(
  { viewer }: MemoryContext,
  tx: Transaction,
  sourceId: string | null,
  targetId: string | null,
): Promise<void> {
  const named = { sourceId, targetId }
  const ids = [sourceId, targetId].filter((id) => id !== null)
  const found = await tx.prisma.chatSession.findMany({ where: { id: { in: ids }, ownerId: viewer.userId } })
  for (const [path, id] of Object.entries(named)) {
    if (!found.some((session) => session.id === id)) throw new ProblemError(notFound('chat session', 'input', path))
  }
  if (!found.find(({ id }) => id === targetId)?.active) {
    throw new ProblemError(conflict('The session has ended.', 'input', 'targetId'))
  }
}

/** The row ids of memories, each of which must be in the session. */
async function memoriesIn(tx: Transaction, sessionId: string, globalIds: readonly string[]): Promise<string[]> {
  const ids = globalIds.map((id) => uuidOf('Memory', id) ?? '')
  const rows = await tx.prisma.memory.findMany({
    where: { id: { in: ids.filter((id) => id !== '') }, sessionId, forgottenAt: null },
    select: { id: true },
  })
  const there = new Set(rows.map(({ id }) => id))
  const missing = ids.findIndex((id) => !there.has(id))
  if (missing >= 0) throw new ProblemError(notFound('memory', 'input', 'memoryIds', String(missing)))
  return ids
}
