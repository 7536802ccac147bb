import type { Job } from '../jobs.ts'
import { projectorContext } from '../log/log.ts'
import type { Stores } from '../stores.ts'
import { renewEncryption } from './renew.ts'
import { runOpenRequests } from './worker.ts'

const minute = 60_000
const requestsEveryMs = 15_000

/** What users and tenants have asked to be done with their data. */
export function privacyJobs(stores: Stores): readonly Job[] {
  return [
    { name: 'privacy requests', everyMs: requestsEveryMs, run: () => runOpenRequests(stores) },
    { name: 'renew encryption', everyMs: 60 * minute, run: () => renewEncryption(stores) },
    {
      name: 'retention',
      everyMs: 60 * minute,
      run: () =>
        stores.postgres.write(projectorContext('retention'), (tx) =>
          tx.query('SELECT * FROM app.apply_retention($1)', [stores.clock.now()]),
        ),
    },
  ]
}
