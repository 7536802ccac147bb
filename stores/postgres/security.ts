import { AsyncLocalStorage } from 'node:async_hooks'
import { escapeLiteral, type PoolClient } from 'pg'
import type { Span } from '../../lib/trace.ts'

/** Who a statement runs for: a room, or one of the workers that follow the log. */
export const SERVICE_ROLES = ['users', 'memory', 'knowledge', 'agents', 'projector', 'audit', 'privacy'] as const

export type ServiceRole = (typeof SERVICE_ROLES)[number]

/** What row-level security decides by, and how long a statement may take. */
export interface SecurityContext {
  readonly role: ServiceRole
  readonly tenantId: string | null
  readonly userId: string | null
  readonly sessionId: string | null
  readonly traceId: string
  /** What has expired by then is hidden; without it nothing is. */
  readonly moment?: Date | undefined
  /** What its statements are part of in the trace. */
  readonly span?: Span | undefined
  /** Milliseconds since the epoch; `Infinity` for none. */
  readonly deadline: number
  /** When it aborts, the running statement is cancelled and the transaction rolled back. */
  readonly signal?: AbortSignal
}

/** A statement was sent without saying for whom: refused, since row-level security could not judge it. */
export class MissingSecurityContextError extends Error {
  override readonly name = 'MissingSecurityContextError'
  constructor() {
    super('a statement needs a security context: use read() or write(), and await it inside')
  }
}

/** The deadline of the security context passed before the statement was sent. */
export class DeadlineExceededError extends Error {
  override readonly name = 'DeadlineExceededError'
  /** What a client is told of it (GraphQL spec, 7.1.2). */
  readonly extensions = { code: 'DEADLINE_EXCEEDED' } as const
  constructor() {
    super('the deadline passed before the database answered')
  }
}

/** A unit of work was begun inside a transaction. It would wait for the connection that the transaction holds. */
export class NestedTransactionError extends Error {
  override readonly name = 'NestedTransactionError'
  constructor() {
    super('a transaction is open in this context: use its handle instead of beginning another read or write')
  }
}

/** A transaction's handle was used after the transaction had ended. */
export class TransactionEndedError extends Error {
  override readonly name = 'TransactionEndedError'
  constructor() {
    super('the transaction has ended: await every statement inside write()')
  }
}

/** The transaction that statements of this async context belong to. */
export interface OpenTransaction {
  readonly client: PoolClient
  /** Fails when the transaction could not begin; nothing of it counts then. */
  readonly begun: Promise<unknown>
  ended: boolean
  /** What was sent that COMMIT need not wait for. */
  readonly closing: Promise<unknown>[]
  /** Nested units (Prisma's own transactions) run one after the other, each in its savepoint. */
  nested: Promise<void>
  savepoints: number
}

interface Scope {
  readonly security: SecurityContext
  readonly transaction: OpenTransaction | null
}

const scopes = new AsyncLocalStorage<Scope>()

export function currentScope(): Scope | undefined {
  return scopes.getStore()
}

/**
 * Runs `work` and what it waits for in the scope. A PrismaPromise does nothing before `then` is called: when `work`
 * returns one, it is called here and not by whoever awaits the result outside.
 */
export function withScope<T>(scope: Scope, work: () => PromiseLike<T>): Promise<T> {
  return scopes.run(scope, () => new Promise<T>((resolve, reject) => work().then(resolve, reject)))
}

/** The PostgreSQL role of a service, from the fixed list. */
export function roleName(role: ServiceRole): string {
  if (!SERVICE_ROLES.includes(role)) throw new Error(`unknown service role ${JSON.stringify(role)}`)
  return `mnemograph_${role}`
}

/**
 * The statements that give a transaction its context. Everything is local to the transaction, the role too, so the
 * connection goes back to the pool as it came. The role is set last: the login may set every setting, a role need not.
 * They are sent as one simple query: SET needs no planning, and six of them cost half of one SELECT set_config(…).
 * @throws DeadlineExceededError, or the signal's reason when it has aborted
 */
export function contextStatements(security: SecurityContext, now: number): string {
  security.signal?.throwIfAborted()
  const settings = [
    ['mnemograph.tenant_id', security.tenantId ?? ''],
    ['mnemograph.user_id', security.userId ?? ''],
    ['mnemograph.session_id', security.sessionId ?? ''],
    ['mnemograph.service', security.role],
    ['mnemograph.trace_id', security.traceId],
    ['mnemograph.moment', security.moment?.toISOString() ?? ''],
    ['statement_timeout', String(remaining(security.deadline, now))],
    ['role', roleName(security.role)],
  ] as const
  return settings.map(([name, value]) => `SET LOCAL ${name} = ${literal(value)}`).join('; ')
}

/** Whether the time of a context is up, by its deadline or its signal. */
export function isOver({ signal, deadline }: SecurityContext): boolean {
  return signal?.aborted === true || deadline <= Date.now()
}

/** A NUL would end the message early, and with it the list of settings. */
function literal(value: string): string {
  if (value.includes('\0')) throw new Error('a security context may not contain a NUL character')
  return escapeLiteral(value)
}

/** PostgreSQL's largest statement_timeout; 0 would mean none, and a deadline that close has passed. */
const LONGEST_TIMEOUT = 2_147_483_647

function remaining(deadline: number, now: number): number {
  const left = Math.ceil(Math.min(deadline - now, LONGEST_TIMEOUT))
  if (!(left > 0)) throw new DeadlineExceededError()
  return left
}
