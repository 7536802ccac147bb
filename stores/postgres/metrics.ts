import type { Metrics } from '../../lib/metrics.ts'
import type { StatementEvent } from './pool.ts'
import type { Connections } from './postgres.ts'

/** Times every statement by its role, and passes it on. */
export function statementMetrics(
  metrics: Metrics,
  listener: (event: StatementEvent) => void = () => {},
): (event: StatementEvent) => void {
  const seconds = metrics.histogram('mnemograph_statement_seconds', 'Time of a statement in the database.', ['role'])
  const failures = metrics.counter('mnemograph_statement_failures_total', 'Statements that failed.', ['role'])
  return (event) => {
    seconds.observe(event.durationMs / 1000, [event.role])
    if (event.failed) failures.inc([event.role])
    listener(event)
  }
}

/** Tells how busy the pool is. */
export function poolMetrics(metrics: Metrics, connections: () => Connections): void {
  metrics.observe('mnemograph_database_connections', 'Connections to the database.', () => connections().total)
  metrics.observe('mnemograph_database_connections_idle', 'Of those, idle ones.', () => connections().idle)
  metrics.observe(
    'mnemograph_database_waiting',
    'Statements and transactions that wait for a connection.',
    () => connections().waiting,
  )
}
