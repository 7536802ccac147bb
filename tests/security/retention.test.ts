import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultTenantId } from '../../lib/tenants.ts'
import { privacyJobs } from '../../stores/privacy/jobs.ts'
import { type Person, type Product, startProduct } from '../kit/product.ts'
import { joinTenant } from './matrix/people.ts'
import { must } from './matrix/plant.ts'

const set = `mutation ($input: SetRetentionPolicyInput!) { setRetentionPolicy(input: $input) {
  ... on SetRetentionPolicySuccess { policy { dataType keepDays } } ... on Problem { code path } } }`
const reveal = `mutation ($input: RevealSecretInput!) { revealSecret(input: $input) {
  ... on RevealSecretSuccess { value } ... on Problem { code } } }`
const day = 86_400_000

describe('what is kept', () => {
  let product: Product
  let ann: Person
  let ben: Person
  let admin: Person
  beforeAll(async () => {
    product = await startProduct()
    ann = await product.join('ann')
    ben = await product.join('ben')
    admin = await joinTenant(product, defaultTenantId, 'ADMIN')
  }, 60_000)
  afterAll(() => product?.close())

  describe('for a time', () => {
    test('is set by admins, within bounds, and listed for all', async () => {
      const policy = async (who: Person, input: object) => (await who.ask(set, { input })).setRetentionPolicy
      expect(await policy(ann, { dataType: 'MEMORIES', keepDays: 30 })).toMatchObject({ code: 'FORBIDDEN' })
      expect(await policy(admin, { dataType: 'MEMORIES', keepDays: 0 })).toMatchObject({ code: 'INVALID_INPUT' })
      expect(await policy(admin, { dataType: 'MEMORIES', keepDays: 30 })).toEqual({
        policy: { dataType: 'MEMORIES', keepDays: 30 },
      })
      expect((await ann.ask('{ retentionPolicies { dataType keepDays } }')).retentionPolicies).toContainEqual({
        dataType: 'MEMORIES',
        keepDays: 30,
      })
    })

    test('goes when its time is over, and no sooner', async () => {
      const { session } = await must(ann, 'openChatSession', { title: 'Old plans' }, 'session { id }')
      await must(ann, 'endChatSession', { id: session.id }, 'session { id }')
      const { session: active } = await must(ann, 'openChatSession', { title: 'New plans' }, 'session { id }')
      const { memory, cursor } = await must(ann, 'remember', { content: 'Kept for a month.' }, 'memory { id } cursor')
      await admin.ask(set, { input: { dataType: 'CHAT_SESSIONS', keepDays: 10 } })
      const run = (at: number) => {
        const clock = { now: () => new Date(at) }
        return privacyJobs({ ...product.server.stores, clock })
          .find(({ name }) => name === 'retention')
          ?.run()
      }
      const there = async (id: string) =>
        (await ann.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).node !== null
      await run(Date.now() + 9 * day)
      expect(await there(session.id)).toBe(true)
      const heard = ann.follow(
        'sse',
        'subscription ($after: Cursor) { chatSessionChanges(after: $after) { kind sessionId session { id } } }',
        { after: cursor },
      )
      await run(Date.now() + 11 * day)
      expect(await there(session.id)).toBe(false)
      const gone = { kind: 'DELETED', sessionId: session.id, session: null }
      expect((await heard.next()).value.data.chatSessionChanges).toEqual(gone)
      await heard.return(undefined)
      expect(await there(active.id)).toBe(true)
      const { node } = await ann.ask(
        'query ($id: ID!) { node(id: $id) { ... on Memory { createdAt retentionUntil } } }',
        {
          id: memory.id,
        },
      )
      expect(Date.parse(node.retentionUntil) - Date.parse(node.createdAt)).toBe(30 * day)
    })
  })

  describe('as a secret', () => {
    test('is shown to its owner alone, and that it was shown is noted', async () => {
      const { secret } = await must(
        ann,
        'storeSecret',
        { name: 'door', value: '4711 and a half' },
        'secret { id name }',
      )
      expect((await ann.ask(reveal, { input: { id: secret.id } })).revealSecret).toEqual({ value: '4711 and a half' })
      expect((await ben.ask(reveal, { input: { id: secret.id } })).revealSecret).toEqual({ code: 'NOT_FOUND' })
      await product.server.stores.sentinel.idle()
      const { dataAccessLog } = await admin.ask('{ dataAccessLog(first: 20) { nodes { kind user { username } } } }')
      expect(dataAccessLog.nodes).toContainEqual({ kind: 'SECRET_READ', user: { username: 'ann' } })
      expect(
        JSON.stringify(await ann.ask('{ secrets(first: 10) { nodes { id name createdAt updatedAt } } }')),
      ).not.toContain('4711')
    })

    test('takes a new value under its name, and goes for good', async () => {
      const first = await must(ann, 'storeSecret', { name: 'key', value: 'one' }, 'secret { id }')
      const second = await must(ann, 'storeSecret', { name: 'key', value: 'two' }, 'secret { id }')
      expect(second.secret.id).toBe(first.secret.id)
      expect((await ann.ask(reveal, { input: first.secret })).revealSecret).toEqual({ value: 'two' })
      await must(ann, 'deleteSecret', { id: first.secret.id }, 'secretId')
      expect((await ann.ask(reveal, { input: first.secret })).revealSecret).toEqual({ code: 'NOT_FOUND' })
    })

    test('is refused when it is empty or too long', async () => {
      const store = `mutation ($input: StoreSecretInput!) { storeSecret(input: $input) { ... on Problem { code path } } }`
      for (const input of [
        { name: ' ', value: 'x' },
        { name: 'x', value: '' },
        { name: 'x', value: 'x'.repeat(65_537) },
      ]) {
        expect((await ann.ask(store, { input })).storeSecret).toMatchObject({ code: 'INVALID_INPUT' })
      }
    })
  })
})
