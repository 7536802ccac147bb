import { createHash } from 'node:crypto'
import type { RequestContext } from '../lib/context.ts'
import type { Position } from '../lib/cursor.ts'
import { codedError } from '../lib/errors.ts'
import { parseGlobalId } from '../lib/ids.ts'
import { conflict, type Problem, ProblemError } from '../lib/problems.ts'
import { appendEvents, type EventDraft } from '../stores/log/log.ts'
import type { Transaction } from '../stores/postgres/postgres.ts'
import type { ServiceRole } from '../stores/postgres/security.ts'
import type { Stores } from '../stores/stores.ts'
import { requireViewer, securityOf } from './security.ts'

/** What a mutation works with: one transaction for rows, events and the answer to a repeated key. */
export interface Unit {
  readonly tx: Transaction
  /** Writes events; the last one's place becomes the answer's `cursor`. */
  append(events: readonly EventDraft[]): Promise<Position[]>
  /**
   * What the work ends with: it has been sent, and goes in one flight with COMMIT. Should it fail, nothing is committed.
   * What waits for its answer may neither send more nor refuse anything.
   */
  closing(last: Promise<unknown>): void
  /** Does something outside of the database once everything is committed; when that fails the answer stands. */
  afterCommit(work: () => Promise<unknown>): void
  /** Takes back what was done outside of the database, when nothing is committed, or nobody knows whether. */
  afterAbort(work: () => Promise<unknown>): void
}

export interface Mutation {
  /** The field's name; with the input it tells a repeated request from another with the same key. */
  readonly name: string
  readonly input: { readonly clientMutationId?: string | null }
  readonly room: ServiceRole
}

/** What a service answers: plain data, so that it can be kept and given again. Objects of the graph are named by id. */
export type Answer = { readonly __typename: string } & Readonly<Record<string, unknown>>

/**
 * Does a mutation's work once, in one transaction, and answers with it. A `ProblemError` undoes everything and is the
 * answer. The answer carries `cursor` when the work appended events.
 */
export async function mutate<A extends Answer>(
  stores: Stores,
  request: RequestContext,
  mutation: Mutation,
  work: (unit: Unit) => Promise<A>,
): Promise<(A & { cursor: string | null }) | Problem> {
  const viewer = requireViewer(request)
  const key = keyOf(mutation)
  let appended = false
  const later: (() => Promise<unknown>)[] = []
  const back: (() => Promise<unknown>)[] = []
  try {
    const answered = await stores.postgres.write(securityOf(request, mutation.room), async (tx) => {
      const earlier = key === null ? null : await findEarlier<A>(tx, mutation, viewer.userId, key)
      if (earlier !== null) return () => earlier
      let last: Position | null = null
      const closing: Promise<unknown>[] = []
      const made = await work({
        tx,
        async append(events) {
          const places = await appendEvents(tx, events)
          last = places.at(-1) ?? last
          appended ||= places.length > 0
          return places
        },
        closing(sent) {
          closing.push(sent)
          tx.closeWith(sent)
        },
        afterCommit: (done) => void later.push(done),
        afterAbort: (undone) => void back.push(undone),
      })
      const complete = () => ({ ...made, cursor: last === null ? null : stores.cursors.encode(last, viewer.userId) })
      if (key === null && closing.length > 0) return complete
      await Promise.all(closing)
      const answer = complete()
      // It is kept with its cursor.
      if (key !== null) await keep(tx, mutation, viewer, key, answer)
      return () => answer
    })
    if (appended) stores.bus.publish('events')
    for (const done of later) await done().catch((error: unknown) => leftUndone(stores, mutation, error))
    return answered()
  } catch (error) {
    for (const undone of back) await undone().catch((failure: unknown) => leftUndone(stores, mutation, failure))
    if (!(error instanceof ProblemError)) throw error
    if (error.problem.code === 'NOT_FOUND') reportRefusal(stores, request, mutation)
    return error.problem
  }
}

function leftUndone({ logger }: Stores, { name }: Mutation, error: unknown): void {
  logger.warn({ err: error, mutation: name }, 'What was to be done after a transaction failed')
}

const mostReported = 10

/** Ids that were refused may be another's. Nobody can have been told of them, so the audit looks into it. */
function reportRefusal({ sentinel }: Stores, request: RequestContext, { input, room }: Mutation): void {
  const named = Object.values(input).flatMap((value) => (typeof value === 'string' ? (parseGlobalId(value) ?? []) : []))
  for (const { type, uuid } of named.slice(0, mostReported)) {
    sentinel.report(securityOf(request, room), { kind: 'REFUSED', type, id: uuid })
  }
}

const longestKey = 256

/** @throws BAD_USER_INPUT for a key that cannot be kept */
function keyOf({ input }: Mutation): string | null {
  const key = input.clientMutationId ?? null
  if (key !== null && (key.length === 0 || key.length > longestKey || key.includes('\0') || !key.isWellFormed())) {
    throw codedError('BAD_USER_INPUT', `\`clientMutationId\` is 1–${longestKey} characters of text.`)
  }
  return key
}

async function findEarlier<A>(tx: Transaction, mutation: Mutation, userId: string, key: string) {
  // A second request with the key waits here until the first has ended, and then finds its answer.
  await tx.lock(`idempotency:${userId}:${key}`)
  const [row] = await tx.query<{ mutation: string; input_hash: Buffer; answer: A & { cursor: string | null } }>(
    'SELECT mutation, input_hash, answer FROM app.idempotency WHERE owner_id = $1 AND key = $2',
    [userId, key],
  )
  if (!row) return null
  if (row.mutation !== mutation.name || !hashOf(mutation).equals(row.input_hash)) {
    throw new ProblemError(conflict('This clientMutationId was used with another input.', 'input', 'clientMutationId'))
  }
  return row.answer
}

async function keep(
  tx: Transaction,
  mutation: Mutation,
  viewer: { tenantId: string; userId: string },
  key: string,
  answer: unknown,
): Promise<void> {
  await tx.query(
    `INSERT INTO app.idempotency (tenant_id, owner_id, key, mutation, input_hash, answer) VALUES ($1, $2, $3, $4, $5, $6)`,
    [viewer.tenantId, viewer.userId, key, mutation.name, hashOf(mutation), JSON.stringify(answer)],
  )
}

function hashOf({ input }: Mutation): Buffer {
  return createHash('sha256').update(JSON.stringify(input)).digest()
}
