import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '../../generated/prisma/client.ts'
import { SecurityContextPool, type SecurityContextPoolOptions } from './pool.ts'
import type { SecurityContext } from './security.ts'

/** Statements under one security context. */
export interface Database {
  readonly prisma: PrismaClient
  /** Typed rows of plain SQL, on the same connection as `prisma`. */
  query<T>(sql: string, values?: readonly unknown[]): Promise<T[]>
}

export interface Transaction extends Database {
  /**
   * Locks aggregates until the transaction ends, so that the order of transaction ids is each aggregate's own order.
   * @throws Error after the transaction's first write: its id is assigned by then
   */
  lock(...aggregates: readonly string[]): Promise<void>
  /**
   * Lets COMMIT go in one flight with statements that have been sent, instead of after their answers. Should one fail,
   * nothing is committed. What waits for their answers may neither send more nor refuse anything.
   */
  closeWith(last: Promise<unknown>): void
}

/** The pool's connections, and the requests that wait for one. */
export interface Connections {
  readonly total: number
  readonly idle: number
  readonly waiting: number
}

export interface PostgresHealth {
  readonly ok: boolean
  readonly version: string | null
  readonly latencyMs: number
  readonly connections: Connections
  /** Why it is not well; never holds a secret. */
  readonly problem: string | null
}

/** PostgreSQL as rooms see it: every statement under row-level security, on either form of the program. */
export interface Postgres {
  /** Reads: each statement is a read-only transaction of its own, sent in one flight. */
  read<T>(security: SecurityContext, work: (db: Database) => PromiseLike<T>): Promise<T>
  /**
   * One transaction: all of it or nothing. Await nothing inside that waits for another connection.
   * @throws NestedTransactionError inside another `write`
   */
  write<T>(security: SecurityContext, work: (tx: Transaction) => PromiseLike<T>): Promise<T>
  health(): Promise<PostgresHealth>
  connections(): Connections
  close(): Promise<void>
}

/** @param options the login's connection; with `oneSession` for the embedded server */
export function openPostgres(options: SecurityContextPoolOptions): Postgres {
  const pool = new SecurityContextPool(options)
  const prisma = openPrisma(pool)
  const query = async <T>(sql: string, values: readonly unknown[] = []): Promise<T[]> =>
    (await pool.query({ text: sql, values: [...values] })).rows as T[]
  const database: Database = { prisma, query }
  const transaction: Transaction = {
    ...database,
    lock: (...aggregates) => lock(query, aggregates),
    closeWith: (last) => pool.closeWith(last),
  }
  return {
    read: (security, work) => pool.reading(security, () => work(database)),
    write: (security, work) => pool.transaction(security, () => work(transaction)),
    health: () => health(pool),
    connections: () => connectionsOf(pool),
    async close() {
      await prisma.$disconnect()
      await pool.end()
    },
  }
}

/**
 * Prisma joins the `findUnique` calls of one tick into one query, whoever makes them, and sends it in the context of
 * the first: another viewer's rows would be looked up, and could be seen, under the wrong one. `findFirst` is never
 * joined and takes the same arguments. Batching is the loaders' work.
 */
function openPrisma(pool: SecurityContextPool): PrismaClient {
  const client = new PrismaClient({ adapter: new PrismaPg(pool) })
  return client.$extends({
    name: 'one context a query',
    model: {
      $allModels: {
        findUnique(this: Finder, args: unknown) {
          return this.findFirst(args)
        },
        findUniqueOrThrow(this: Finder, args: unknown) {
          return this.findFirstOrThrow(args)
        },
      },
    },
  }) as unknown as PrismaClient
}

interface Finder {
  findFirst(args: unknown): Promise<unknown>
  findFirstOrThrow(args: unknown): Promise<unknown>
}

/** Sorted, so that two transactions that want the same aggregates wait for each other in one order. */
const LOCK = `SELECT pg_advisory_xact_lock(hashtextextended(aggregate, 0)), pg_current_xact_id_if_assigned() AS written
FROM (SELECT DISTINCT unnest($1::text[]) AS aggregate ORDER BY 1) AS wanted`

async function lock(query: Database['query'], aggregates: readonly string[]): Promise<void> {
  if (aggregates.length === 0) return
  const rows = await query<{ written: string | null }>(LOCK, [aggregates])
  if (rows.some(({ written }) => written !== null)) throw new Error('lock aggregates before the first write')
}

async function health(pool: SecurityContextPool): Promise<PostgresHealth> {
  const start = performance.now()
  const { version, problem } = await pool.ping().then(
    (version: string) => ({ version, problem: null }),
    (error: Error) => ({ version: null, problem: error.message }),
  )
  const latencyMs = performance.now() - start
  return { ok: problem === null, version, latencyMs, connections: connectionsOf(pool), problem }
}

function connectionsOf({
  totalCount: total,
  idleCount: idle,
  waitingCount: waiting,
}: SecurityContextPool): Connections {
  return { total, idle, waiting }
}
