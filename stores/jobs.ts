import type { Log } from '../lib/log.ts'
import type { Leases } from './lease.ts'
import { dropLogPartitions, projectorContext, trimLog } from './log/log.ts'
import type { Postgres } from './postgres/postgres.ts'

/** Work that is due from time to time, whoever uses the system. It must not matter how often it is done. */
export interface Job {
  readonly name: string
  readonly everyMs: number
  run(): Promise<unknown>
}

const hour = 3_600_000

/** What keeps the database in order. @param logRetentionDays how long the log of events can be replayed from */
export function housekeeping(postgres: Postgres, logRetentionDays: number): readonly Job[] {
  const statement = (sql: string) => () => postgres.write(projectorContext('housekeeping'), (tx) => tx.query(sql))
  return [
    { name: 'partitions', everyMs: 12 * hour, run: statement('SELECT app.ensure_all_partitions()') },
    {
      name: 'old answers',
      everyMs: hour,
      run: statement(`DELETE FROM app.idempotency WHERE created_at < now() - interval '7 days'`),
    },
    {
      name: 'old counts',
      everyMs: hour,
      run: statement('DELETE FROM app.rate_limits WHERE expire < extract(epoch FROM now()) * 1000'),
    },
    {
      name: 'expired context',
      everyMs: hour,
      run: statement('SELECT memory.clean_up_context()'),
    },
    {
      name: 'expired analyses',
      everyMs: hour,
      run: () => removeExpiredAnalyses(postgres),
    },
    {
      name: 'old events',
      everyMs: hour,
      async run() {
        await trimLog(postgres, logRetentionDays)
        await dropLogPartitions(postgres, logRetentionDays)
      },
    },
    {
      name: 'emptied months of blackboards',
      everyMs: 24 * hour,
      run: statement('SELECT agents.drop_emptied_months()'),
    },
    { name: 'old decisions', everyMs: 24 * hour, run: statement('SELECT memory.drop_decisions()') },
  ]
}

const analysesAtOnce = 1000

/** A batch in a transaction, so that none holds locks, or the embedded database, for long. */
async function removeExpiredAnalyses(postgres: Postgres): Promise<void> {
  for (let removed = analysesAtOnce; removed === analysesAtOnce; ) {
    const rows = await postgres.write(projectorContext('housekeeping'), (tx) =>
      tx.query(
        `DELETE FROM memory.context_analysis_cache WHERE id IN (
           SELECT id FROM memory.context_analysis_cache WHERE expires_at < now() ORDER BY expires_at LIMIT $1)
         RETURNING id`,
        [analysesAtOnce],
      ),
    )
    removed = rows.length
  }
}

/** Runs jobs in the background, each once now and then again when it is due; of several processes one at a time. */
export function runJobs(jobs: readonly Job[], leases: Leases | undefined, logger: Log): { close(): Promise<void> } {
  const running = new Set<Promise<void>>()
  const timers = jobs.map((job) => {
    const start = () => {
      const done = runOnce(job, leases, logger).finally(() => running.delete(done))
      running.add(done)
    }
    start()
    return setInterval(start, job.everyMs).unref()
  })
  return {
    async close() {
      for (const timer of timers) clearInterval(timer)
      await Promise.all(running)
    },
  }
}

async function runOnce(job: Job, leases: Leases | undefined, logger: Log): Promise<void> {
  try {
    const lease = leases ? await leases.acquire(`job ${job.name}`) : null
    if (leases && lease === null) return
    try {
      await job.run()
    } finally {
      await lease?.release()
    }
  } catch (error) {
    logger.warn({ job: job.name, err: error }, 'A job failed; it is tried again when it is due')
  }
}
