import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { createFieldCipher } from '../../lib/field-encryption.ts'
import type { Log } from '../../lib/log.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { auditJobs } from '../../stores/audit/jobs.ts'
import { seal, valuesPlace } from '../../stores/audit/sealer.ts'
import { verifyAudit } from '../../stores/audit/verify.ts'
import { renewEncryption } from '../../stores/privacy/renew.ts'
import { room as agents } from '../../subgraphs/agents/index.ts'
import { room as users } from '../../subgraphs/users/index.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { openRoomWorld, type RoomWorld, viewerOf } from '../kit/room-world.ts'

const register = `mutation ($input: RegisterAgentInput!) { registerAgent(input: $input) { ... on RegisterAgentSuccess { agent { id } } } }`
const setStatus = `mutation ($input: SetAgentStatusInput!) {
  setAgentStatus(input: $input) { __typename ... on Problem { code } } }`
const entries = `query ($first: Int, $after: String, $filter: AuditFilter) { auditLog(first: $first, after: $after, filter: $filter) {
  nodes { id at operation table rowId service oldValues newValues oldHash newHash actor { username } owner { username } }
  pageInfo { hasNextPage endCursor } } }`

describeEachPostgres('the audit', (database) => {
  let world: RoomWorld
  let room: RoomWorld
  let ann: Viewer
  let ben: Viewer
  let admin: Viewer
  let analyst: Viewer
  let stranger: Viewer
  const { sql } = { sql: <T>(text: string, values?: unknown[]) => database().sql<T>(text, values) }

  async function join(username: string, role: Viewer['role'], tenantId = defaultTenantId): Promise<Viewer> {
    const viewer = viewerOf({ role, tenantId })
    await sql(`SELECT users.create_user($1, $2, $3, $4, 'x', NULL, $5, now())`, [
      viewer.userId,
      tenantId,
      username,
      `${username}@example.test`,
      role,
    ])
    return viewer
  }

  beforeAll(async () => {
    world = await openRoomWorld(agents, database())
    room = await openRoomWorld(users, database())
    ann = await join('ann', 'MEMBER')
    ben = await join('ben', 'MEMBER')
    admin = await join('root', 'ADMIN')
    analyst = await join('lisa', 'ANALYST')
    stranger = await join('other', 'ADMIN', '0b0b0b0b-0000-4000-8000-000000000001')
  })
  afterAll(async () => {
    await world?.close()
    await room?.close()
  })

  const agentOf = async (who: Viewer, agentId: string) =>
    (await world.run(who, register, { input: { agentId, name: 'A helper' } })).data.registerAgent.agent.id as string
  const busy = (who: Viewer, id: string) => world.run(who, setStatus, { input: { id, status: 'BUSY' } })
  const log = async (who: Viewer, filter: object = {}) => {
    const { data, errors } = await room.run(who, entries, { first: 100, filter })
    if (errors.length > 0) throw new Error(JSON.stringify(errors))
    return data.auditLog.nodes
  }
  const verify = (head?: string) => verifyAudit(world.stores.postgres, world.stores.signer, head)
  const sealed = () => seal(world.stores)
  /** What is above the horizon waits for whoever else writes on this server. */
  const allSealed = () =>
    expect
      .poll(
        async () => {
          await sealed()
          return (await verify()).unsealed
        },
        { timeout: 20_000 },
      )
      .toBe(0)

  describe('of rows', () => {
    test('holds who did what, with old and new values for the owner alone, before and after they are sealed', async () => {
      const id = await agentOf(ann, 'helper')
      await busy(ann, id)
      for (const step of ['as it is', 'under the key']) {
        const [change] = await log(ann, { table: 'agents.agents', operation: 'UPDATE' })
        expect(change, step).toMatchObject({
          operation: 'UPDATE',
          service: 'agents',
          actor: { username: 'ann' },
          owner: { username: 'ann' },
          oldValues: { status: 'OFFLINE', version: 1 },
          newValues: { status: 'BUSY', version: 2 },
        })
        expect(change.oldHash).not.toBe(change.newHash)
        for (const staff of [admin, analyst]) {
          const [seen] = await log(staff, { rowId: change.rowId, operation: 'UPDATE' })
          expect(seen).toMatchObject({ id: change.id, oldValues: null, newValues: null, owner: { username: 'ann' } })
        }
        await sealed()
      }
      expect(await sql('SELECT FROM audit.pending_values')).toEqual([])
      const kept = await sql<{ sealed: Buffer }>('SELECT sealed FROM audit.entry_values WHERE owner_id = $1', [
        ann.userId,
      ])
      expect(kept.length).toBeGreaterThan(0)
      for (const { sealed } of kept) expect(sealed.includes(Buffer.from('BUSY'))).toBe(false)
    })

    test('puts values under a new key of the system’s, and needs the old one no more', async () => {
      const id = await agentOf(ann, 'rotated')
      await busy(ann, id)
      await sealed()
      const [older, newer] = [Buffer.alloc(32, 7), Buffer.alloc(32, 8)]
      // The earliest of them is damaged: it stands before the others, not in their way.
      const [damaged] = await sql<{ entry_id: string; sealed: Buffer }>(
        'SELECT entry_id, sealed FROM audit.entry_values WHERE sealed IS NOT NULL ORDER BY entry_id LIMIT 1',
      )
      const put = (sealed: Buffer | undefined) =>
        sql('UPDATE audit.entry_values SET sealed = $1 WHERE entry_id = $2', [sealed, damaged?.entry_id])
      await put(Buffer.from(damaged?.sealed.map((byte, i) => (i < 5 ? byte : byte ^ 1)) ?? []))
      const told: object[] = []
      const logger = { ...world.stores.logger, warn: (what: object) => void told.push(what) } as Log
      await renewEncryption({ ...world.stores, logger, fields: createFieldCipher([newer, older]) })
      expect(told).toEqual([{ table: 'audit.entry_values', row: damaged?.entry_id }])
      const alone = createFieldCipher([newer])
      const rows = await sql<{ entry_id: string; sealed: Buffer; key: Buffer }>(
        `SELECT entry_id, sealed, key FROM audit.entry_values JOIN audit.user_keys ON user_id = owner_id
         WHERE owner_id = $1 AND entry_id <> $2`,
        [ann.userId, damaged?.entry_id],
      )
      const opened = rows.map(({ entry_id, sealed, key }) => alone.open(sealed, valuesPlace(entry_id), key).toString())
      expect(opened.join()).toContain('BUSY')
      // Back again, for the tests that follow.
      await put(damaged?.sealed)
      await renewEncryption({ ...world.stores, fields: createFieldCipher([older, newer]) })
      const [change] = await log(ann, { table: 'agents.agents', operation: 'UPDATE' })
      expect(change.newValues).toMatchObject({ status: 'BUSY' })
    })

    test('looks for nothing to put under a new key while there is but one', async () => {
      room.statements.length = 0
      await renewEncryption({ ...room.stores, fields: createFieldCipher([Buffer.alloc(32, 9)]) })
      expect(room.statements.filter(({ text }) => text.includes('outdated'))).toEqual([])
    })

    test('shows a member his own, staff their tenant’s, a stranger and nobody nothing of it', async () => {
      const owners = async (who: Viewer) =>
        new Set((await log(who)).map(({ owner }: { owner: { username: string } }) => owner?.username))
      expect(await owners(ann)).toEqual(new Set(['ann']))
      expect(await owners(ben)).not.toContain('ann')
      expect(await owners(analyst)).toContain('ann')
      expect(await owners(stranger)).not.toContain('ann')
      const { errors } = await room.run(null, entries)
      expect(errors).toMatchObject([{ code: 'UNAUTHENTICATED' }])
    })

    test('pages without gaps, and narrows', async () => {
      for (let n = 0; n < 5; n++) await agentOf(ann, `page-${n}`)
      const all = await log(ann, { table: 'agents.agents' })
      const paged: { id: string }[] = []
      let after: string | null = null
      do {
        const {
          data,
        }: { data: { auditLog: { nodes: { id: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } } =
          await room.run(ann, entries, { first: 2, after, filter: { table: 'agents.agents' } })
        paged.push(...data.auditLog.nodes)
        after = data.auditLog.pageInfo.hasNextPage ? data.auditLog.pageInfo.endCursor : null
      } while (after !== null)
      expect(paged.map(({ id }) => id)).toEqual(all.map(({ id }: { id: string }) => id))
      expect(await log(ann, { actorId: 'rubbish' }).catch(String)).toContain('BAD_USER_INPUT')
    })

    test('is append-only for every role that a request may have', async () => {
      for (const role of ['users', 'memory', 'knowledge', 'agents', 'projector', 'audit', 'privacy'] as const) {
        for (const statement of [
          `UPDATE audit.audit_log SET service = 'x'`,
          'DELETE FROM audit.audit_log',
          'TRUNCATE audit.audit_log',
          `UPDATE audit.seals SET kind = 'DROPPED'`,
          'DELETE FROM audit.seals',
          'DELETE FROM audit.security_violations',
          'DELETE FROM audit.data_access_log',
        ]) {
          const security = { ...ann, role, traceId: 'test', deadline: Number.POSITIVE_INFINITY }
          const done = world.stores.postgres.write(security, (tx) => tx.query(statement))
          await expect(done, `${role}: ${statement}`).rejects.toThrow(/permission denied/)
        }
      }
    })
  })

  describe('of reading', () => {
    test('notes that staff read in it, whoever they are', async () => {
      await log(analyst)
      const seen = await room.run(admin, '{ dataAccessLog(first: 50) { nodes { kind object user { username } } } }')
      expect(seen.data.dataAccessLog.nodes).toContainEqual({
        kind: 'AUDIT_READ',
        object: 'audit_log',
        user: { username: 'lisa' },
      })
    })

    test.each(['securityViolations', 'dataAccessLog'])('lets staff read %s, and no member', async (field) => {
      const ask = (who: Viewer) => room.run(who, `{ ${field}(first: 1) { nodes { id } } }`)
      expect((await ask(analyst)).errors).toEqual([])
      expect((await ask(ann)).errors).toMatchObject([{ code: 'FORBIDDEN' }])
      expect((await ask({ ...ann, role: 'ADMIN' })).errors).toMatchObject([{ code: 'FORBIDDEN' }])
    })
  })

  describe('of attacks', () => {
    const violations = async () => {
      await world.stores.sentinel.idle()
      const { data } = await room.run(
        admin,
        '{ securityViolations(first: 100) { nodes { kind severity details user { username } } } }',
      )
      return data.securityViolations.nodes as { kind: string; user: { username: string }; details: { type?: string } }[]
    }

    test('notes whoever names a thing of another’s, and not whoever names nothing', async () => {
      const id = await agentOf(ann, 'target')
      const refused = await busy(ben, id)
      expect(refused.data.setAgentStatus.code).toBe('NOT_FOUND')
      expect((await violations()).filter(({ user }) => user?.username === 'ben')).toMatchObject([
        { kind: 'FOREIGN_ID', details: { type: 'Agent' } },
      ])
      await busy(ann, Buffer.from(`${'0'.repeat(16)}Agent`).toString('base64url'))
      expect((await violations()).filter(({ user }) => user?.username === 'ann')).toEqual([])
    })

    test('finds whoever goes on probing, once in an hour', async () => {
      const id = await agentOf(ann, 'probed')
      for (let n = 0; n < 20; n++) await busy(ben, id)
      await world.stores.sentinel.idle()
      const [detect] = auditJobs(world.stores).filter(({ name }) => name === 'look for anomalies')
      await detect?.run()
      await detect?.run()
      expect((await violations()).filter(({ kind }) => kind === 'PROBING')).toMatchObject([
        { user: { username: 'ben' } },
      ])
    })

    test('takes its measure', async () => {
      const [measure] = auditJobs(world.stores).filter(({ name }) => name === 'measure security')
      await measure?.run()
      const found = await sql<{ name: string; value: number }>('SELECT name, value FROM audit.security_metrics')
      expect(found.find(({ name }) => name === 'violations')?.value).toBeGreaterThan(0)
    })
  })

  describe('as a chain', () => {
    /** What a test does to the audit, undone again. */
    async function tampered(...statements: string[]): Promise<string[]> {
      await sealed()
      expect((await verify()).problems).toEqual([])
      await sql('CREATE TABLE IF NOT EXISTS public.kept_log AS SELECT * FROM audit.audit_log')
      await sql('CREATE TABLE IF NOT EXISTS public.kept_seals AS SELECT * FROM audit.seals')
      for (const statement of statements) await sql(statement)
      const { ok, problems } = await verify()
      expect(ok).toBe(problems.length === 0)
      await sql('TRUNCATE audit.audit_log, audit.seals')
      await sql('INSERT INTO audit.audit_log OVERRIDING SYSTEM VALUE SELECT * FROM public.kept_log')
      await sql('INSERT INTO audit.seals SELECT * FROM public.kept_seals')
      await sql('DROP TABLE public.kept_log, public.kept_seals')
      return [...problems]
    }
    const oldest = '(SELECT min(id) FROM audit.audit_log)'

    test('vouches for every entry once it is sealed, and is added to by none but new ones', async () => {
      await agentOf(ann, 'sealed')
      await allSealed()
      const { ok, seals, entries } = await verify()
      expect(ok).toBe(true)
      expect(seals).toBeGreaterThan(0)
      const [count] = await sql<{ count: string }>('SELECT count(*) FROM audit.audit_log')
      expect(entries).toBe(Number(count?.count))
      expect(await sealed()).toBe(0)
    })

    test.each([
      ['a changed entry', [`UPDATE audit.audit_log SET row_id = 'other' WHERE id = ${oldest}`], /was changed/],
      [
        'a changed time',
        [`UPDATE audit.audit_log SET at = at + interval '1 microsecond' WHERE id = ${oldest}`],
        /was changed/,
      ],
      ['a removed entry', [`DELETE FROM audit.audit_log WHERE id = ${oldest}`], /are there/],
      [
        'an entry slipped in',
        [
          `INSERT INTO audit.audit_log (id, at, service, table_name, operation, row_id, xid) OVERRIDING SYSTEM VALUE
           SELECT 0, at, service, table_name, operation, 'forged', xid FROM audit.audit_log WHERE id = ${oldest}`,
        ],
        /are there|no link vouches/,
      ],
      ['a changed link', [`UPDATE audit.seals SET entries = entries + 1 WHERE number = 1`], /link 1 was changed/],
      ['a removed link', ['DELETE FROM audit.seals WHERE number = 1'], /follows/],
      [
        'a forged signature',
        [`UPDATE audit.seals SET signature = decode(repeat('00', 64), 'hex') WHERE number = 1`],
        /not signed/,
      ],
      ['a partition dropped by hand', ['TRUNCATE audit.audit_log'], /are there/],
    ])('is red after %s', async (_, statements, expected) => {
      await agentOf(ann, `tampered-${Math.random()}`)
      expect((await tampered(...statements)).join('\n')).toMatch(expected)
      expect((await verify()).ok).toBe(true)
    })

    test('is red when its end was cut off and a head had been noted', async () => {
      await agentOf(ann, 'cut')
      await allSealed()
      const { head } = await verify()
      expect((await verify(head)).ok).toBe(true)
      const cut = 'DELETE FROM audit.seals WHERE number = (SELECT max(number) FROM audit.seals)'
      await sql('CREATE TABLE public.kept AS SELECT * FROM audit.seals')
      await sql(cut)
      expect((await verify()).problems).toEqual([])
      expect((await verify(head)).problems.join()).toContain('noted earlier')
      await sql('TRUNCATE audit.seals')
      await sql('INSERT INTO audit.seals SELECT * FROM public.kept')
      await sql('DROP TABLE public.kept')
    })

    test('stays green when old months are dropped by rule', async () => {
      await sql(`CREATE TABLE audit.audit_log_201501 PARTITION OF audit.audit_log
        FOR VALUES FROM ('2015-01-01T00:00:00Z') TO ('2015-02-01T00:00:00Z')`)
      await sql(`ALTER TABLE audit.audit_log_201501 OWNER TO mnemograph_migration`)
      await sql(
        `INSERT INTO audit.audit_log (at, service, table_name, operation, row_id) VALUES ('2015-01-10T00:00:00Z', 'memory', 't', 'INSERT', '1')`,
      )
      await allSealed()
      const before = await verify()
      const [drop] = auditJobs(world.stores).filter(({ name }) => name === 'drop the old audit')
      await drop?.run()
      expect(await sql(`SELECT to_regclass('audit.audit_log_201501') AS there`)).toEqual([{ there: null }])
      expect(await sql(`SELECT name FROM audit.dropped_partitions`)).toEqual([{ name: 'audit.audit_log_201501' }])
      await sealed()
      const after = await verify()
      expect(after.problems).toEqual([])
      expect(after.entries).toBe(before.entries - 1)
      expect(await sql(`SELECT count(*)::integer FROM audit.audit_log`)).not.toEqual([{ count: 0 }])
    })
  })
})
