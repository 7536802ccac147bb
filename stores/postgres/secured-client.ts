import { EventEmitter } from 'node:events'
import type { PoolClient, QueryConfig, QueryResult } from 'pg'
import { inOneFlight } from './flight.ts'
import {
  contextStatements,
  isOver,
  MissingSecurityContextError,
  type OpenTransaction,
  type SecurityContext,
} from './security.ts'

/** Runs a statement for the pool: told to whoever counts, and no longer than the context allows. */
type Told = (statement: QueryConfig, run: () => Promise<QueryResult>) => Promise<QueryResult>

const BEGIN = /^\s*BEGIN\s*$/i
const ISOLATION = /^\s*SET\s+TRANSACTION\s+ISOLATION\s+LEVEL\s/i
const END = /^\s*(COMMIT|ROLLBACK)\s*$/i

/**
 * What Prisma's adapter gets when it checks out a connection outside `write`: a read-only transaction of its own.
 * The context follows BEGIN with the first statement, because an isolation level must be set before any query.
 */
export class SecuredClient extends EventEmitter {
  readonly #client: PoolClient
  readonly #security: SecurityContext
  readonly #told: Told
  #state: 'new' | 'begun' | 'secured' | 'ended' = 'new'

  constructor(client: PoolClient, security: SecurityContext, told: Told) {
    super()
    this.#client = client
    this.#security = security
    this.#told = told
    client.on('error', this.#forward)
  }

  async query(statement: QueryConfig): Promise<QueryResult> {
    const { text } = statement
    if (this.#state === 'new' && BEGIN.test(text)) {
      this.#state = 'begun'
      return this.#client.query('BEGIN READ ONLY')
    }
    if (this.#state === 'begun' && ISOLATION.test(text)) return this.#client.query(statement)
    if (this.#state === 'new' || this.#state === 'ended') throw new MissingSecurityContextError()
    if (END.test(text)) {
      this.#state = 'ended'
      return this.#client.query(statement)
    }
    return this.#told(statement, () => this.#run(statement))
  }

  release(error?: Error | boolean): void {
    this.#client.off('error', this.#forward)
    // What was aborted may still run, and be cancelled at any moment: nobody else may get that connection.
    const clean = this.#state === 'ended' && !isOver(this.#security)
    this.#client.release(clean ? error : true)
  }

  async #run(statement: QueryConfig): Promise<QueryResult> {
    if (this.#state === 'secured') return this.#client.query(statement)
    const context = contextStatements(this.#security, Date.now())
    this.#state = 'secured'
    const [, result] = await inOneFlight(this.#client, () => [
      this.#client.query(context),
      this.#client.query(statement),
    ])
    return result as QueryResult
  }

  readonly #forward = (error: Error): void => {
    this.emit('error', error)
  }
}

/**
 * What Prisma's adapter gets inside `write`: the open transaction, with BEGIN, COMMIT and ROLLBACK turned into a
 * savepoint's, so that Prisma's nested writes are part of the one transaction.
 */
export class SavepointClient extends EventEmitter {
  readonly #transaction: OpenTransaction
  readonly #told: Told
  readonly #name: string
  readonly #leave: () => void

  private constructor(transaction: OpenTransaction, told: Told, leave: () => void) {
    super()
    this.#transaction = transaction
    this.#told = told
    this.#leave = leave
    transaction.savepoints += 1
    this.#name = `nested_${transaction.savepoints}`
  }

  /** Waits for its turn: savepoints end in the order opposite to that in which they began. */
  static async open(transaction: OpenTransaction, told: Told): Promise<SavepointClient> {
    const before = transaction.nested
    const { promise, resolve } = Promise.withResolvers<void>()
    transaction.nested = promise
    await before
    return new SavepointClient(transaction, told, resolve)
  }

  async query(statement: QueryConfig): Promise<QueryResult> {
    const { client } = this.#transaction
    const end = END.exec(statement.text)?.[1]?.toUpperCase()
    if (BEGIN.test(statement.text)) return client.query(`SAVEPOINT ${this.#name}`)
    if (end === 'COMMIT') return client.query(`RELEASE SAVEPOINT ${this.#name}`)
    if (end === 'ROLLBACK') return client.query(`ROLLBACK TO SAVEPOINT ${this.#name}`)
    return this.#told(statement, () => client.query(statement))
  }

  release(): void {
    this.#leave()
  }
}
