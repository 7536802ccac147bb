import { expect, test, vi } from 'vitest'
import { silentLog } from '../../lib/log.ts'
import { housekeeping, runJobs } from '../../stores/jobs.ts'
import { openLeases } from '../../stores/lease.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

const tenant = '00000000-0000-4000-8000-000000000001'
const owner = '00000000-0000-4000-8000-0000000000a1'

describeEachPostgres('housekeeping', (world) => {
  test('makes the partitions that are missing and removes answers of more than a week', async () => {
    const postgres = world().open()
    await world().sql('DROP TABLE events.log_default, audit.audit_log_default')
    const partitions = () =>
      world().sql(`SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'events.log'::regclass`)
    for (const { name } of (await partitions()) as { name: string }[]) await world().sql(`DROP TABLE ${name}`)
    await world().sql(
      `INSERT INTO app.idempotency (tenant_id, owner_id, key, mutation, input_hash, answer, created_at)
       VALUES ($1, $2, 'old', 'm', '', '{}', now() - interval '8 days'), ($1, $2, 'new', 'm', '', '{}', now())`,
      [tenant, owner],
    )
    const jobs = runJobs(housekeeping(postgres, 30), undefined, silentLog())
    await jobs.close()
    expect(await partitions()).toHaveLength(3)
    expect(await world().sql('SELECT key FROM app.idempotency')).toEqual([{ key: 'new' }])
  })

  test('of several processes one does a job, and one that fails is not the end of the others', async () => {
    const leases = openLeases(world().open())
    const held = await leases.acquire('job taken')
    const taken = vi.fn(async () => {})
    const free = vi.fn(async () => {})
    const failing = async () => Promise.reject(new Error('not today'))
    const job = (name: string, run: () => Promise<void>) => ({ name, everyMs: 3_600_000, run })
    await runJobs([job('taken', taken), job('failing', failing), job('free', free)], leases, silentLog()).close()
    expect(taken).not.toHaveBeenCalled()
    expect(free).toHaveBeenCalledOnce()
    await held?.release()
  })
})
