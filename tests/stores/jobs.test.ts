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

  test('drops the months of blackboards that are over and empty', async () => {
    const month = async (name: string, from: string, to: string) => {
      const table = `agents.blackboard_events_${name}`
      await world().sql(
        `CREATE TABLE ${table} PARTITION OF agents.blackboard_events FOR VALUES FROM ('${from}') TO ('${to}')`,
      )
      await world().sql(`DO $$ BEGIN EXECUTE format('ALTER TABLE ${table} OWNER TO %I', (SELECT relowner::regrole
        FROM pg_class WHERE oid = 'agents.blackboard_events'::regclass)); END $$`)
    }
    await month('202401', '2024-01-01', '2024-02-01')
    await month('202402', '2024-02-01', '2024-03-01')
    await world().sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING', [tenant, 'tests'])
    await world().sql(
      `INSERT INTO agents.blackboard_events (id, tenant_id, owner_id, session_id, sequence, type, performative, source_id,
         payload, logical_timestamp, log_epoch, log_xid, log_seq, created_at)
       VALUES (gen_random_uuid(), $1, $2, $2, 1, 'RESULT', 'INFORM', $2, '{}', 1, 1, '1', 1, '2024-02-03')`,
      [tenant, owner],
    )
    const job = housekeeping(world().open(), 30).find(({ name }) => name === 'emptied months of blackboards')
    await job?.run()
    const left = await world().sql<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'agents.blackboard_events'::regclass`,
    )
    const names = left.map(({ name }) => name)
    expect(names).not.toContain('agents.blackboard_events_202401')
    expect(names).toContain('agents.blackboard_events_202402')
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
