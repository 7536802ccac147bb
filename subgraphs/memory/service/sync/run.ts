import { conflict, notFound, type Problem, ProblemError } from '../../../../lib/problems.ts'
import type { Job } from '../../../../stores/jobs.ts'
import { type EventDraft, projectorContext } from '../../../../stores/log/log.ts'
import type { Transaction } from '../../../../stores/postgres/postgres.ts'
import type { Stores } from '../../../../stores/stores.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { inNameOf } from '../../in-name-of.ts'
import { beginSync, completeSync, failSync, type Outcome, openSyncs, syncsByIds } from '../../store/syncs.ts'
import type { SyncRecord, SyncStatus } from '../../sync-records.ts'
import { handOverContext } from './entries.ts'
import { handOverKnowledge } from './knowledge.ts'

/** After so many tries that ended without an answer it is given up. */
const mostAttempts = 5
/** What was left open for so long has nobody who does it. Milliseconds. */
const abandonedMs = 30_000
const atOnce = 50

/**
 * Does what was written down: it is begun in one transaction, and everything that it changes is changed in the next,
 * together with the note that it is completed. So a crash at any moment leaves it to be done, or done, and never half.
 * Whoever finds that another has begun it since leaves it alone.
 */
export async function runSync(context: MemoryContext, id: string): Promise<void> {
  try {
    const attempt = await begin(context, id)
    if (attempt === null) return
    const problem = await apply(context, id, attempt)
    if (problem) await giveUp(context, id, attempt, problem.message)
  } catch (error) {
    context.stores.logger.warn({ err: error, sync: id }, 'A memory sync was interrupted; it is taken up again')
  }
}

/** Takes up what was interrupted, in its owner's name. */
export function syncJob(stores: Stores): Job {
  return { name: 'memory syncs', everyMs: abandonedMs, run: () => resumeSyncs(stores) }
}

export async function resumeSyncs(stores: Stores): Promise<void> {
  const before = new Date(stores.clock.now().getTime() - abandonedMs)
  const open = await stores.postgres.read(projectorContext('memory syncs'), (db) => openSyncs(db, before, atOnce))
  for (const sync of open) await runSync(inNameOf(stores, sync, 'memory syncs', abandonedMs), sync.id)
}

export function syncEvent(owner: string, id: string, status: SyncStatus, version: number): EventDraft {
  const audience = [owner]
  return {
    kind: `SYNC_${status}`,
    type: 'MemorySync',
    id,
    version,
    before: audience,
    after: audience,
    payload: { status },
  }
}

/** @returns the attempt's number; null when there is nothing to do. */
async function begin(context: MemoryContext, id: string): Promise<number | null> {
  const { stores } = context
  const abandoned = stores.clock.now().getTime() - abandonedMs
  const answer = await step(context, async (unit) => {
    const sync = await lock(unit.tx, id)
    const free = sync.status === 'PENDING' || (sync.status === 'IN_PROGRESS' && Number(sync.startedAt) <= abandoned)
    if (!free) return { __typename: 'None', attempt: null } satisfies Answer
    if (sync.attempts >= mostAttempts) {
      await end(context, unit, sync, 'FAILED', (now) =>
        failSync(unit.tx, id, `It was interrupted ${mostAttempts} times.`, now),
      )
      return { __typename: 'None', attempt: null } satisfies Answer
    }
    await beginSync(unit.tx, id, stores.clock.now())
    await unit.append([syncEvent(sync.ownerId, id, 'IN_PROGRESS', versionAfter(sync.attempts))])
    return { __typename: 'Begun', attempt: sync.attempts + 1 } satisfies Answer
  })
  return 'attempt' in answer ? answer.attempt : null
}

async function apply(context: MemoryContext, id: string, attempt: number): Promise<Problem | null> {
  const answer = await step(context, async (unit) => {
    const { sourceId, targetId } = await find(unit.tx, id)
    await unit.tx.lock(`session:${sourceId}`, `session:${targetId}`, `sync:${id}`)
    const sync = await find(unit.tx, id)
    if (!isMine(sync, attempt)) return { __typename: 'None' } satisfies Answer
    await requireOpen(unit.tx, sync)
    const outcome = await handOver(context, unit, sync)
    await end(context, unit, sync, 'COMPLETED', (now) => completeSync(unit.tx, id, outcome, now))
    return { __typename: 'Done' } satisfies Answer
  })
  return 'code' in answer ? answer : null
}

async function giveUp(context: MemoryContext, id: string, attempt: number, problem: string): Promise<void> {
  await step(context, async (unit) => {
    const sync = await lock(unit.tx, id)
    if (isMine(sync, attempt)) {
      await end(context, unit, sync, 'FAILED', (now) => failSync(unit.tx, id, problem, now))
    }
    return { __typename: 'Done' } satisfies Answer
  })
}

function handOver(context: MemoryContext, unit: Unit, sync: SyncRecord): Promise<Outcome> {
  return sync.type === 'KNOWLEDGE_SHARE' ? handOverKnowledge(context, unit, sync) : handOverContext(context, unit, sync)
}

async function end(
  { stores }: MemoryContext,
  { append }: Unit,
  { id, ownerId, attempts }: SyncRecord,
  status: SyncStatus,
  write: (now: Date) => Promise<void>,
): Promise<void> {
  await write(stores.clock.now())
  await append([syncEvent(ownerId, id, status, versionAfter(attempts) + 1)])
}

/** Each step has a higher number than all before it: two for each attempt, after the first. */
const versionAfter = (attempts: number) => 2 + 2 * attempts

const isMine = ({ status, attempts }: SyncRecord, attempt: number) => status === 'IN_PROGRESS' && attempts === attempt

/** A session may have ended since it was asked for. */
async function requireOpen(tx: Transaction, { sourceId, targetId, type }: SyncRecord): Promise<void> {
  const written = type === 'STATE_SYNC' ? [sourceId, targetId] : [targetId]
  const open = await tx.prisma.chatSession.count({ where: { id: { in: written }, active: true } })
  if (open < written.length) throw new ProblemError(conflict('A session that would be changed has ended.'))
}

async function lock(tx: Transaction, id: string): Promise<SyncRecord> {
  await tx.lock(`sync:${id}`)
  return find(tx, id)
}

/** @throws ProblemError when it is gone, with one of its sessions. */
async function find(tx: Transaction, id: string): Promise<SyncRecord> {
  const [sync] = await syncsByIds(tx, [id])
  if (!sync) throw new ProblemError(notFound('memory sync'))
  return sync
}

function step<A extends Answer>(context: MemoryContext, work: (unit: Unit) => Promise<A>) {
  return mutate(context.stores, context.request, { name: 'syncMemory', input: {}, room: 'memory' }, work)
}
