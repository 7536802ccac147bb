import { type RateLimiterAbstract, RateLimiterPostgres } from 'rate-limiter-flexible'
import type { Postgres } from '../postgres/postgres.ts'
import type { SecurityContext } from '../postgres/security.ts'
import { overLimiters } from './limiters.ts'
import type { Limits, Rule } from './port.ts'

/** Counting has time to spare for a busy moment, and does not hold a request for longer. Milliseconds. */
const timeoutMs = 5_000

/** Limits that all processes of one database share. */
export function postgresLimits(postgres: Postgres): Limits {
  return overLimiters(postgresLimiters(postgres))
}

/** Makes the limiter of a rule. */
export function postgresLimiters(postgres: Postgres): (rule: Rule) => RateLimiterAbstract {
  const storeClient = { query: (statement: Statement) => run(postgres, statement) }
  return ({ name, points, seconds }) =>
    new RateLimiterPostgres({
      storeClient,
      storeType: 'client',
      schemaName: 'app',
      tableName: 'rate_limits',
      // A migration has made the table, and a job clears it.
      tableCreated: true,
      clearExpiredByTimeout: false,
      keyPrefix: name,
      points,
      duration: seconds,
    })
}

interface Statement {
  readonly text: string
  readonly values: readonly unknown[]
}

async function run(postgres: Postgres, { text, values }: Statement) {
  const rows = await postgres.write(context(), (tx) => tx.query<{ expire: string | null }>(text, values))
  // A bigint comes as text.
  return { rows: rows.map((row) => ({ ...row, expire: Number(row.expire) })), rowCount: rows.length }
}

function context(): SecurityContext {
  const deadline = Date.now() + timeoutMs
  return { role: 'users', tenantId: null, userId: null, sessionId: null, traceId: 'limits', deadline }
}
