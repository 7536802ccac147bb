import { uuidOf } from '../../../lib/ids.ts'
import { notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { MemoryContext } from '../context.ts'
import type { MemoryState } from '../events.ts'
import type { MemoryRecord } from '../records.ts'
import { mayWrite } from '../store/grants.ts'
import { memoriesByIds } from '../store/memories.ts'
import { holdRevision } from '../store/revisions.ts'

/** The viewer's memory of that id, locked until the transaction ends. Another's is as good as none. */
export async function lockOwned(context: MemoryContext, tx: Transaction, globalId: string): Promise<MemoryRecord> {
  const memory = await lockVisible(tx, globalId)
  if (memory.ownerId !== context.viewer.userId) throw absent()
  return memory
}

/** A memory that the viewer may change: his own, or one that he was given with that leave. */
export async function lockWritable(context: MemoryContext, tx: Transaction, globalId: string): Promise<MemoryRecord> {
  const memory = await lockVisible(tx, globalId)
  if (memory.ownerId === context.viewer.userId || (await mayWrite(tx, memory.id, memory.ownerId))) return memory
  throw absent()
}

/** A memory as events tell of it. */
export function stateOf({ viewer }: MemoryContext, memory: MemoryRecord, granted: readonly string[]): MemoryState {
  // Not what it says, which may be damaged: it is to be forgotten all the same.
  const { id, version, ownerId, tier, visibility, sessionId, occurredAt } = memory
  return { id, version, ownerId, tier, visibility, sessionId, occurredAt, tenantId: viewer.tenantId, granted }
}

async function lockVisible(tx: Transaction, globalId: string): Promise<MemoryRecord> {
  const id = uuidOf('Memory', globalId)
  if (id === null) throw absent()
  // In one flight: the server reads when it has the lock. Held, so that upkeep passes it by; one that expires meanwhile is gone then.
  const [, isThere, [memory]] = await Promise.all([
    tx.lock(`memory:${id}`),
    holdRevision(tx, id),
    memoriesByIds(tx, [id]),
  ])
  if (!isThere || memory === undefined) throw absent()
  return memory
}

const absent = () => new ProblemError(notFound('memory', 'input', 'id'))
