import type { Job } from '../jobs.ts'
import { projectorContext } from '../log/log.ts'
import type { Stores } from '../stores.ts'
import { seal } from './sealer.ts'

const second = 1_000
const hour = 3_600 * second

/** What keeps the audit: its chain, its measures, and no longer than it must be kept. */
export function auditJobs(stores: Pick<Stores, 'postgres' | 'fields' | 'signer'>): readonly Job[] {
  const statement = (sql: string) => () =>
    stores.postgres.write(projectorContext('audit'), (tx) => tx.query(`SELECT ${sql}`))
  return [
    { name: 'seal the audit', everyMs: 5 * second, run: () => seal(stores) },
    { name: 'look for anomalies', everyMs: hour / 4, run: statement('audit.detect_security_anomalies()') },
    { name: 'measure security', everyMs: hour, run: statement('audit.measure()') },
    { name: 'drop the old audit', everyMs: 24 * hour, run: statement('audit.cleanup_old_data()') },
  ]
}
