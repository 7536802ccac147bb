import { expect, test } from 'vitest'
import { describeEachPostgres } from '../kit/postgres.ts'

const rooms = ['users', 'memory', 'knowledge', 'agents'] as const

/** What a role may do to a table of another's schema, or to one that all share; each has its reason in a migration. */
const shared = [
  'agents: app.idempotency INSERT SELECT',
  'agents: app.system SELECT',
  'knowledge: app.idempotency INSERT SELECT',
  'knowledge: app.system SELECT',
  'knowledge: events.positions SELECT',
  'memory: app.idempotency INSERT SELECT',
  'memory: app.retention_policies SELECT',
  'memory: app.system SELECT',
  'memory: events.positions SELECT',
]

interface Right {
  readonly role: string
  readonly room: string
  readonly table: string
  readonly rights: string
}

const RIGHTS = `
  SELECT replace(grantee, 'mnemograph_', '') AS role, table_schema AS room, table_schema || '.' || table_name AS "table",
         string_agg(DISTINCT privilege_type, ' ' ORDER BY privilege_type) AS rights
  FROM information_schema.role_table_grants
  WHERE grantee LIKE 'mnemograph\\_%' AND table_schema NOT IN ('pg_catalog', 'information_schema')
    AND table_name !~ '_(default|[0-9]{6}|[0-9a-f]{16})$'
  GROUP BY 1, 2, 3 ORDER BY 1, 3`

describeEachPostgres('each service’s role', (world) => {
  const rights = () => world().sql<Right>(RIGHTS)

  test('is nobody who could get past row-level security', async () => {
    const roles = await world().sql(
      `SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication FROM pg_roles
       WHERE rolname LIKE 'mnemograph\\_%' AND (rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin OR rolreplication)`,
    )
    expect(roles).toEqual([])
    const owned = await world().sql(
      `SELECT relname FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
       WHERE rolname LIKE 'mnemograph\\_%' AND rolname NOT IN ('mnemograph_migration')`,
    )
    expect(owned).toEqual([])
  })

  test('of a room reaches its own tables, and of others’ only what is listed here', async () => {
    const foreign = (await rights()).filter(({ role, room }) => rooms.includes(role as never) && role !== room)
    expect(
      foreign.filter(({ role }) => role !== 'users').map(({ role, table, rights }) => `${role}: ${table} ${rights}`),
    ).toEqual(shared)
    const own = (await rights()).filter(({ role, room }) => role === room && rooms.includes(role as never))
    expect(new Set(own.map(({ role }) => role))).toEqual(new Set(rooms))
  })

  test('that may truncate is the projector, for what can be made again', async () => {
    const truncating = (await rights()).filter(({ rights }) => /TRUNCATE|REFERENCES|TRIGGER/.test(rights))
    const names = truncating.filter(({ role }) => role !== 'migration').map(({ role, room }) => `${role} ${room}`)
    expect(new Set(names)).toEqual(new Set(['projector knowledge']))
  })

  test('may not change or remove what the audit holds', async () => {
    const changing = (await rights()).filter(
      ({ room, role, rights }) => room === 'audit' && role !== 'migration' && /UPDATE|TRUNCATE/.test(rights),
    )
    expect(changing).toEqual([])
    const removing = (await rights()).filter(
      ({ table, role, rights }) => table === 'audit.audit_log' && role !== 'migration' && /DELETE/.test(rights),
    )
    expect(removing).toEqual([])
  })

  test('meets row-level security on every table with an owner, forced on the owner of the table too', async () => {
    const open = await world().sql(
      `SELECT relname FROM app.owned_tables JOIN pg_class ON pg_class.oid = owned_tables.name
       WHERE NOT (relrowsecurity AND relforcerowsecurity)`,
    )
    expect(open).toEqual([])
    const partitions = await world().sql(
      `SELECT child.relname FROM app.owned_tables JOIN pg_inherits ON inhparent = owned_tables.name
       JOIN pg_class AS child ON child.oid = inhrelid
       WHERE NOT child.relrowsecurity AND has_table_privilege('mnemograph_memory', child.oid, 'SELECT')`,
    )
    expect(partitions).toEqual([])
  })

  test('reaches past it through functions alone that nobody else may call and whose names cannot be replaced', async () => {
    const loose = await world().sql(
      `SELECT proname, proacl::text FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
       WHERE prosecdef AND nspname NOT LIKE 'pg\\_%' AND prorettype <> 'trigger'::regtype
         AND (NOT coalesce(proconfig::text, '') LIKE '%search_path=pg_catalog%'
           OR (proacl IS NULL OR EXISTS (SELECT FROM aclexplode(proacl) AS acl WHERE acl.grantee = 0))
              AND proname NOT IN ('current_principals', 'head'))`,
    )
    expect(loose).toEqual([])
  })

  test('for privacy reaches every table with an owner, and there only the rows of the user it works for', async () => {
    const missed = await world().sql(
      `SELECT name::text FROM app.owned_tables WHERE NOT EXISTS (
         SELECT FROM pg_policy WHERE polrelid = name AND polname = 'privacy'
           AND pg_get_expr(polqual, polrelid) LIKE '(owner_id = %app.current_user_id()%')`,
    )
    expect(missed).toEqual([])
    expect(await world().sql('SELECT FROM app.owned_tables')).not.toEqual([])
  })
})

describeEachPostgres('the security context in SQL', (world) => {
  test('is set in one call, with the tenant that the user is of, and read back', async () => {
    const [tenant, user, session] = [
      '11111111-1111-4111-8111-111111111111',
      '22222222-2222-4222-8222-222222222222',
      '33333333-3333-4333-8333-333333333333',
    ]
    const { sql } = world()
    await sql(`INSERT INTO app.tenants (id, name) VALUES ($1, 't')`, [tenant])
    await sql(
      `INSERT INTO users.users (id, tenant_id, username, email, role, created_at, updated_at) VALUES ($2, $1, 'u', 'u@x', 'MEMBER', now(), now())`,
      [tenant, user],
    )
    await sql('BEGIN')
    await sql('SELECT app.set_security_context($1, $2, $3)', [user, session, 'memory'])
    const [now] = await sql(
      `SELECT app.get_current_user_id() AS user, app.get_current_session_id() AS session, app.get_current_tenant_id() AS tenant,
              app.get_current_service_name() AS service, current_user::text AS role`,
    )
    await sql('ROLLBACK')
    expect(now).toEqual({ user, session, tenant, service: 'memory', role: 'mnemograph_memory' })
    const [after] = await sql('SELECT app.get_current_user_id() AS user')
    expect(after).toEqual({ user: null })
  })
})
