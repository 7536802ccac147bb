import type { PoolClient, QueryConfig, QueryResult } from 'pg'
import pg from 'pg'
import type { Span } from '../../lib/trace.ts'
import { abortable, sendCancelRequest } from './cancel.ts'
import { corkForNow, inOneFlight } from './flight.ts'
import { NamedStatements } from './named-statements.ts'
import { SavepointClient, SecuredClient } from './secured-client.ts'
import {
  contextStatements,
  currentScope,
  DeadlineExceededError,
  isOver,
  MissingSecurityContextError,
  NestedTransactionError,
  type OpenTransaction,
  type SecurityContext,
  TransactionEndedError,
  withScope,
} from './security.ts'
import { valueReaders } from './timestamps.ts'

/** One statement of a room, as metrics and tests see it; the pool's own BEGIN, context and COMMIT are not told. */
export interface StatementEvent {
  readonly text: string
  readonly role: string
  /** The request that it was sent for. */
  readonly traceId: string
  readonly durationMs: number
  readonly rows: number
  readonly failed: boolean
}

export interface SecurityContextPoolOptions extends pg.PoolConfig {
  readonly onStatement?: (event: StatementEvent) => void
  /** Off for a server that cannot stop a running statement (PGlite runs them on the thread that would listen). */
  readonly cancellable?: boolean
}

type Statement = QueryConfig & { rowMode?: 'array' }

/** Statements that a connection keeps prepared, at most; each takes some tens of kilobytes of the server's. */
const mostNamed = 400

/**
 * A `pg` pool that runs every statement under the security context of the async context it is sent in.
 *
 * A single statement goes as BEGIN, context, statement and COMMIT in one flight, so that row-level security costs no
 * round trip. Inside `transaction` statements go to that transaction's connection. Prisma's own transactions, which
 * check out a connection and send BEGIN themselves, get the context right behind it (or a savepoint inside ours).
 */
export class SecurityContextPool extends pg.Pool {
  readonly #onStatement: (event: StatementEvent) => void
  readonly #cancellable: boolean
  readonly #named = new NamedStatements(mostNamed)

  constructor(options: SecurityContextPoolOptions) {
    const { onStatement, cancellable, ...config } = options
    super({ ...config, pipeline: true, types: valueReaders })
    this.#onStatement = onStatement ?? (() => {})
    this.#cancellable = cancellable ?? true
    // A connection that breaks fails its statements and is dropped; its event must not end the process as well.
    this.on('error', () => {})
    this.on('connect', (client) => client.on('error', () => {}))
  }

  /** Runs `work` with a context for single statements; they may only read. */
  async reading<T>(security: SecurityContext, work: () => PromiseLike<T>): Promise<T> {
    if (currentScope()?.transaction) throw new NestedTransactionError()
    return withScope({ security, transaction: null }, work)
  }

  /** Runs `work` in one transaction: committed when it resolves, rolled back when it rejects. */
  async transaction<T>(security: SecurityContext, work: () => PromiseLike<T>): Promise<T> {
    if (currentScope()?.transaction) throw new NestedTransactionError()
    const context = contextStatements(security, Date.now())
    const client = await this.#acquire(security)
    const transaction: OpenTransaction = {
      client,
      begun: begin(client, context),
      ended: false,
      closing: [],
      nested: Promise.resolve(),
      savepoints: 0,
    }
    try {
      const result = await withScope({ security, transaction }, work)
      transaction.ended = true
      security.signal?.throwIfAborted()
      corkForNow(client)
      const commit = client.query('COMMIT')
      // Whichever of them fails, the server answers COMMIT by rolling back.
      const ending = Promise.all([transaction.begun, ...transaction.closing, commit]).then(() => commit)
      const { command } = await this.#guard(security, client, ending)
      if (command === 'ROLLBACK') throw new Error('a failed statement was ignored: the transaction was rolled back')
      client.release()
      return result
    } catch (error) {
      transaction.ended = true
      await this.#abandon(client, security, error)
      throw error
    }
  }

  /** Lets the open transaction commit in one flight with what has been sent, instead of waiting for its answer. */
  closeWith(last: Promise<unknown>): void {
    const transaction = currentScope()?.transaction
    if (!transaction || transaction.ended) throw new TransactionEndedError()
    last.catch(() => {})
    transaction.closing.push(last)
  }

  /** The server's version, asked without a context: nothing of anybody's is read. */
  async ping(): Promise<string> {
    const client = await super.connect()
    try {
      const { rows } = await client.query<{ server_version: string }>('SHOW server_version')
      client.release()
      return rows[0]?.server_version ?? ''
    } catch (error) {
      client.release(true)
      throw error
    }
  }

  // Prisma's adapter and rooms both send through here; `pg` types this with nine overloads, of which promises remain.
  override query = (async (config: string | Statement, values?: unknown[]) => {
    const scope = currentScope()
    if (!scope) throw new MissingSecurityContextError()
    const statement = this.#toStatement(config, values)
    if (scope.transaction?.ended) throw new TransactionEndedError()
    return this.#told(scope.security, statement, () =>
      scope.transaction
        ? this.#inTransaction(scope.security, scope.transaction, statement)
        : this.#oneFlight(scope.security, statement),
    )
  }) as unknown as pg.Pool['query']

  /** A connection that accepts nothing before BEGIN and gives the transaction its context (for Prisma's adapter). */
  override connect = (async () => {
    const scope = currentScope()
    if (!scope) throw new MissingSecurityContextError()
    const { security, transaction } = scope
    if (transaction?.ended) throw new TransactionEndedError()
    const client = transaction?.client ?? (await this.#acquire(security))
    const told = (statement: QueryConfig, run: () => Promise<QueryResult>) =>
      this.#told(security, statement, () => this.#guard(security, client, run()))
    return transaction ? SavepointClient.open(transaction, told) : new SecuredClient(client, security, told)
  }) as unknown as pg.Pool['connect']

  #inTransaction(security: SecurityContext, transaction: OpenTransaction, statement: Statement): Promise<QueryResult> {
    security.signal?.throwIfAborted()
    corkForNow(transaction.client)
    const running = Promise.all([transaction.begun, transaction.client.query(statement)])
    return this.#guard(
      security,
      transaction.client,
      running.then(([, result]) => result),
    )
  }

  async #oneFlight(security: SecurityContext, statement: Statement): Promise<QueryResult> {
    const begin = `BEGIN READ ONLY; ${contextStatements(security, Date.now())}`
    const client = await this.#acquire(security)
    const flight = inOneFlight(client, () => [client.query(begin), client.query(statement), client.query('COMMIT')])
    try {
      const [, result] = await this.#guard(security, client, flight)
      client.release()
      return result as QueryResult
    } catch (error) {
      // COMMIT ends a failed transaction too. Only an aborted flight may still be running.
      client.release(isServerError(error) && !isOutdated(error) ? undefined : true)
      if (!isOutdated(error) || statement.name === undefined) throw error
      const { name, ...unnamed } = statement
      return this.#oneFlight(security, unnamed)
    }
  }

  /** Waits for a connection no longer than the context allows. */
  async #acquire(security: SecurityContext): Promise<PoolClient> {
    const connecting = super.connect()
    try {
      return await abortable(connecting, security)
    } catch (error) {
      connecting.then(
        (client) => client.release(),
        () => {},
      )
      throw error
    }
  }

  /** On abort the caller hears at once and the server is asked to stop; the connection is then never used again. */
  async #guard<T>(security: SecurityContext, client: PoolClient, running: Promise<T>): Promise<T> {
    try {
      return await abortable(running, security)
    } catch (error) {
      if (isServerError(error)) throw isCancelled(error) && isOver(security) ? reasonOf(security) : error
      running.catch(() => {})
      if (this.#cancellable && isOver(security)) sendCancelRequest(this.options, client)
      throw error
    }
  }

  async #abandon(client: PoolClient, security: SecurityContext, error: unknown): Promise<void> {
    if (isOver(security) || isOutdated(error)) return client.release(true)
    try {
      await client.query('ROLLBACK')
      client.release()
    } catch {
      client.release(true)
    }
  }

  #toStatement(config: string | Statement, values: unknown[] | undefined): Statement {
    const statement = typeof config === 'string' ? { text: config, values: values ?? [] } : config
    const name = this.#named.nameOf(statement.text)
    return name === undefined ? statement : { ...statement, name }
  }

  async #told<T extends QueryResult>(
    security: SecurityContext,
    statement: QueryConfig,
    run: () => Promise<T>,
  ): Promise<T> {
    const start = performance.now()
    const span = security.span?.recording ? spanOf(security.span, security.role, statement) : undefined
    const tell = (rows: number, failed: boolean) =>
      this.#onStatement({
        text: statement.text,
        role: security.role,
        traceId: security.traceId,
        durationMs: performance.now() - start,
        rows,
        failed,
      })
    try {
      const result = await run()
      tell(result.rowCount ?? 0, false)
      span?.end()
      return result
    } catch (error) {
      tell(0, true)
      span?.end(error)
      throw error
    }
  }
}

/** Neither the statement's text nor its values are told: a literal may hold what is private. */
function spanOf(parent: Span, role: string, { text }: QueryConfig): Span {
  const verb = /^\s*(\w{1,12})/.exec(text)?.[1]?.toUpperCase() ?? 'OTHER'
  return parent.child(
    'statement',
    { 'db.system.name': 'postgresql', 'db.operation.name': verb, 'mnemograph.role': role },
    'client',
  )
}

/** Sent with the transaction's first statement, if that comes at once. */
function begin(client: PoolClient, context: string): Promise<unknown> {
  corkForNow(client)
  const begun = client.query(`BEGIN; ${context}`)
  begun.catch(() => {})
  return begun
}

function isServerError(error: unknown): boolean {
  return error instanceof pg.DatabaseError && !error.code?.startsWith('57P')
}

/**
 * A statement that the connection has prepared no longer fits: a migration has changed what it answers
 * (feature_not_supported), or somebody between us and the server has lost it (invalid_sql_statement_name).
 */
function isOutdated(error: unknown): boolean {
  return error instanceof pg.DatabaseError && (error.code === '0A000' || error.code === '26000')
}

/** SQLSTATE query_canceled: by statement_timeout, which the deadline has set. */
function isCancelled(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '57014'
}

function reasonOf(security: SecurityContext): unknown {
  return security.signal?.aborted ? security.signal.reason : new DeadlineExceededError()
}
