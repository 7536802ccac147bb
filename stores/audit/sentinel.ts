import { AsyncLocalStorage } from 'node:async_hooks'
import type { Log } from '../../lib/log.ts'
import type { Postgres } from '../postgres/postgres.ts'
import type { SecurityContext } from '../postgres/security.ts'

/** Something that the audit is told of, beside the work it happened in. */
export type Sighting =
  /** A user was refused a thing that he named by its id: if it is another's, he was not told of it by us. */
  | { readonly kind: 'REFUSED'; readonly type: string; readonly id: string }
  /** Something that looks like an attack. */
  | {
      readonly kind: 'VIOLATION'
      readonly name: string
      readonly severity: 'LOW' | 'MEDIUM' | 'HIGH'
      readonly details?: Readonly<Record<string, string | number>>
    }
  /** Something sensitive was read, of these users. */
  | { readonly kind: 'ACCESS'; readonly name: string; readonly object: string; readonly subjects: readonly string[] }
  /** Vectors were searched or changed. */
  | {
      readonly kind: 'VECTORS'
      readonly operation: 'SEARCH' | 'PUT' | 'REMOVE'
      readonly collection: string
      readonly amount: number
      readonly tookMs: number
    }

/**
 * Writes sightings down soon, off the path of the request they are of, so that neither its time nor its failure tells
 * anybody anything. What comes while too much waits is lost, and counted in the log.
 */
export interface Sentinel {
  report(security: SecurityContext, sighting: Sighting): void
  /** Resolves when all that was reported is written. */
  idle(): Promise<void>
  close(): Promise<void>
}

const mostWaiting = 10_000
const atOnce = 200
const timeoutMs = 10_000

const STATEMENTS = {
  REFUSED: (s: Extract<Sighting, { kind: 'REFUSED' }>) =>
    ['SELECT audit.check_security_violation($1, $2)', [s.type, s.id]] as const,
  VIOLATION: (s: Extract<Sighting, { kind: 'VIOLATION' }>) =>
    ['SELECT audit.report_violation($1, $2, $3)', [s.name, s.severity, JSON.stringify(s.details ?? {})]] as const,
  ACCESS: (s: Extract<Sighting, { kind: 'ACCESS' }>) =>
    [
      'SELECT audit.log_access($1, $2, $3, $4)',
      [s.name, s.object, Math.max(1, s.subjects.length), s.subjects],
    ] as const,
  VECTORS: (s: Extract<Sighting, { kind: 'VECTORS' }>) =>
    ['SELECT audit.log_vector_operation($1, $2, $3, $4)', [s.operation, s.collection, s.amount, s.tookMs]] as const,
}

export function openSentinel(postgres: Postgres, logger: Log): Sentinel {
  const waiting: { readonly security: SecurityContext; readonly sighting: Sighting }[] = []
  /** Reported from inside a transaction, written outside of it. */
  const outside = AsyncLocalStorage.snapshot()
  let lost = 0
  let running: Promise<void> | null = null

  async function run(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, atOnce)
      for (const group of groupsOf(batch)) await write(group).catch((error: unknown) => tell(error, group.length))
    }
    if (lost > 0) logger.warn({ lost }, 'The audit could not keep up: sightings were lost')
    lost = 0
  }

  /** One transaction for what one viewer did in one request after the other. */
  async function write(group: typeof waiting): Promise<void> {
    const [first] = group
    if (!first) return
    const { signal: _, ...security } = first.security
    await postgres.write({ ...security, deadline: Date.now() + timeoutMs }, async (tx) => {
      for (const { sighting } of group) {
        const [sql, values] = STATEMENTS[sighting.kind](sighting as never)
        await tx.query(sql, values)
      }
    })
  }

  function tell(error: unknown, count: number): void {
    logger.warn({ err: error, count }, 'Sightings could not be written')
  }

  return {
    report(security, sighting) {
      if (waiting.length >= mostWaiting) lost += 1
      else waiting.push({ security, sighting })
      running ??= outside(async () => {
        await new Promise<void>((resolve) => setImmediate(resolve))
        await run()
        running = null
      })
    },
    async idle() {
      while (running !== null) await running
    },
    async close() {
      while (running !== null) await running
    },
  }
}

function groupsOf<T extends { readonly security: SecurityContext }>(items: readonly T[]): T[][] {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const { role, tenantId, userId, sessionId, traceId } = item.security
    const key = [role, tenantId, userId, sessionId, traceId].join(' ')
    const group = groups.get(key) ?? []
    group.push(item)
    groups.set(key, group)
  }
  return [...groups.values()]
}
