import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultTenantId } from '../../lib/tenants.ts'
import { examine } from '../../stores/diagnosis/check.ts'
import { securityExaminations } from '../../stores/diagnosis/security.ts'
import { room } from '../../subgraphs/users/index.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { startProduct } from '../kit/product.ts'
import { openRoomWorld, type RoomWorld } from '../kit/room-world.ts'
import { joinTenant } from './matrix/people.ts'

describeEachPostgres('what proves the protection', (database) => {
  let world: RoomWorld
  beforeAll(async () => {
    world = await openRoomWorld(room, database())
  })
  afterAll(() => world?.close())

  /** What is not well, by name. The room under test has no vectors. */
  const ill = async () => {
    const examinations = securityExaminations(world.stores).filter(({ name }) => name !== 'vector access')
    return (await examine(examinations))
      .filter(({ healthy }) => !healthy)
      .map(({ name, detail }) => `${name}: ${detail}`)
  }

  test('finds nothing wrong with the system as it is made', async () => {
    expect(await ill()).toEqual([])
  })

  test.each([
    [
      'a table whose policies do not hold its owner',
      'ALTER TABLE memory.messages NO FORCE ROW LEVEL SECURITY',
      'ALTER TABLE memory.messages FORCE ROW LEVEL SECURITY',
      /row-level security: .*memory\.messages/,
    ],
    [
      'a table that is open to strangers',
      `CREATE POLICY hole ON agents.tools FOR SELECT TO mnemograph_agents USING (true);
       INSERT INTO app.tenants (id, name) VALUES ('0c0c0c0c-0000-4000-8000-000000000001', 't');
       INSERT INTO agents.tools (id, tenant_id, owner_id, name, created_at)
       VALUES (gen_random_uuid(), '0c0c0c0c-0000-4000-8000-000000000001', gen_random_uuid(), 't', now())`,
      'DROP POLICY hole ON agents.tools; DELETE FROM agents.tools',
      /isolation: a stranger sees rows of agents\.tools/,
    ],
    [
      'a table that is no longer audited',
      'ALTER TABLE users.users DISABLE TRIGGER audit_update',
      'ALTER TABLE users.users ENABLE TRIGGER audit_update',
      /audit triggers: missing on users\.users/,
    ],
    [
      'an audit trigger that is off on a table that nobody named',
      'ALTER TABLE memory.chat_turns DISABLE TRIGGER audit_update',
      'ALTER TABLE memory.chat_turns ENABLE TRIGGER audit_update',
      /audit triggers: missing on memory\.chat_turns/,
    ],
    [
      'an audit that may be changed',
      'GRANT UPDATE ON audit.audit_log TO mnemograph_users',
      'REVOKE UPDATE ON audit.audit_log FROM mnemograph_users',
      /append-only: may be changed by mnemograph_users/,
    ],
    [
      'a function whose names can be replaced',
      'ALTER FUNCTION audit.own_key() RESET search_path',
      'ALTER FUNCTION audit.own_key() SET search_path = pg_catalog',
      /functions: .*own_key/,
    ],
  ])('finds %s', async (_, harm, mend, expected) => {
    await database().sql(harm)
    const found = await ill()
    await database().sql(mend)
    expect(found.join('\n')).toMatch(expected)
    expect(await ill()).toEqual([])
  })
})

describe('the system’s health', () => {
  test('is told to staff, and to no member', async () => {
    await using product = await startProduct()
    const admin = await joinTenant(product, defaultTenantId, 'ADMIN')
    const member = await product.join()
    const ask = '{ systemHealth(security: true) { healthy checks { name healthy detail } } }'
    const { systemHealth } = await admin.ask(ask)
    expect(systemHealth.checks.filter(({ healthy }: { healthy: boolean }) => !healthy)).toEqual([])
    expect(systemHealth.healthy).toBe(true)
    expect((await member.send(ask)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
  })
})
