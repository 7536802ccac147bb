import { print } from 'graphql'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { room as memoryRoom } from '../../subgraphs/memory/index.ts'
import { nodeTypes } from '../../subgraphs/node.ts'
import { roomTypeDefs } from '../../subgraphs/subgraph.ts'
import { describeEachPostgres, urlOf } from '../kit/postgres.ts'
import { type Person, type Product, startProduct } from '../kit/product.ts'
import { joinTenant, viewerOfPerson } from './matrix/people.ts'
import { must, plant } from './matrix/plant.ts'

const explain = `query ($viewer: ID!, $id: ID!) {
  explainAccess(viewer: $viewer, id: $id) { allowed reason rules { name object condition satisfied } } }`
const list = `{ vectorAccess(first: 10) { nodes { id owner { username } subject { username } collection permission validUntil } } }`
const recall = '{ recall(query: "When does the night train leave?") { hits { memory { id } why { part } } degraded } }'

describeEachPostgres('who may reach what', (database) => {
  let product: Product
  let ann: Person
  let ben: Person
  let admin: Person
  let stranger: Person

  beforeAll(async () => {
    const { backend, admin: owner } = database()
    product = await startProduct({ env: backend === 'PGlite' ? {} : { MNEMOGRAPH_DATABASE_URL: urlOf(owner) } })
    ann = await product.join('ann')
    ben = await product.join('ben')
    admin = await joinTenant(product, defaultTenantId, 'ADMIN')
    stranger = await joinTenant(product, '0a0a0a0a-0000-4000-8000-000000000001', 'ADMIN')
  }, 60_000)
  afterAll(() => product?.close())

  const remember = async (who: Person, content: string, visibility = 'PRIVATE') =>
    (await must(who, 'remember', { content, visibility }, 'memory { id }')).memory.id as string

  /** Shares with a user as the row-level policies have it. */
  async function share(owner: Person, memory: string, subject: Person): Promise<void> {
    const from = await viewerOfPerson(product, owner)
    const to = await viewerOfPerson(product, subject)
    const { stores } = product.server
    const uuid = Buffer.from(memory, 'base64url').subarray(0, 16).toString('hex')
    const security = { ...from, role: 'memory', traceId: 'test', deadline: Number.POSITIVE_INFINITY } as const
    await stores.postgres.write(security, (tx) =>
      tx.query(
        `INSERT INTO memory.grants (memory_id, subject_id, subject_kind, grantee_id, tenant_id, owner_id, created_at)
         VALUES ($1, $2, 'USER', $2, $3, $4, now())`,
        [uuid, to.userId, from.tenantId, from.userId],
      ),
    )
  }

  describe('explainAccess', () => {
    test('names the rule that lets a user read, and those that refuse him', async () => {
      const mine = await remember(ann, 'The cellar key hangs behind the clock.')
      const { explainAccess: own } = await admin.ask(explain, { viewer: ann.id, id: mine })
      expect(own).toMatchObject({ allowed: true, reason: 'Allowed by read_own.' })
      const { explainAccess: others } = await admin.ask(explain, { viewer: ben.id, id: mine })
      expect(others).toMatchObject({ allowed: false, reason: 'Refused: no rule of memory.memories is satisfied.' })
      const rules = others.rules.map(({ name, satisfied }: { name: string; satisfied: boolean }) => [name, satisfied])
      expect(rules).toEqual([
        ['kept_by_rules', true],
        ['read_granted', false],
        ['read_own', false],
        ['read_public', false],
        ['unexpired', true],
      ])
      expect(JSON.stringify(others)).not.toContain('cellar')
    })

    test('follows a thing from private to public', async () => {
      const id = await remember(ann, 'The market opens at eight.', 'PUBLIC')
      const { explainAccess: found } = await admin.ask(explain, { viewer: ben.id, id })
      expect(found.reason).toBe('Allowed by read_public.')
    })

    test('says what keeps a thing from whom another rule would let read it', async () => {
      const id = await remember(ann, 'The tide turns at six.')
      const security = {
        ...(await viewerOfPerson(product, ann)),
        role: 'memory',
        traceId: 'test',
        deadline: Number.POSITIVE_INFINITY,
      } as const
      await product.server.stores.postgres.write(security, (tx) =>
        tx.query(`UPDATE memory.memories SET retention_until = now() - interval '1 hour' WHERE id = $1`, [
          uuidOf('Memory', id),
        ]),
      )
      const { explainAccess: found } = await admin.ask(explain, { viewer: ann.id, id })
      expect(found).toMatchObject({ allowed: false, reason: 'Refused by unexpired.' })
      expect((await ann.ask('query ($id: ID!) { node(id: $id) { id } }', { id })).node).toBeNull()
    })

    test('agrees with what the user is answered, for things of every room', async () => {
      const session = (await must(ann, 'openChatSession', { title: 'Plans' }, 'session { id }')).session.id
      const agent = (await must(ann, 'registerAgent', { agentId: 'helper' }, 'agent { id }')).agent.id
      for (const id of [session, agent]) {
        for (const who of [ann, ben]) {
          const { explainAccess: found } = await admin.ask(explain, { viewer: who.id, id })
          const { node } = await who.ask('query ($id: ID!) { node(id: $id) { id } }', { id })
          expect(found.allowed).toBe(node !== null)
        }
      }
    })

    test('explains everything of the memory room that has an id, as its owner and others are answered', async () => {
      const [owner, friend] = [await product.join(), await product.join()]
      const { settled } = product
      const { ids } = await plant({ person: owner, word: 'zebrule', friend: friend.id, settled })
      for (const type of nodeTypes(print(roomTypeDefs(memoryRoom, [memoryRoom])))) {
        const planted = ids.get(type) ?? []
        expect([type, planted.length > 0]).toEqual([type, true])
        for (const id of planted) {
          for (const who of [owner, friend, ben]) {
            const { explainAccess: found } = await admin.ask(explain, { viewer: who.id, id })
            const { node } = await who.ask('query ($id: ID!) { node(id: $id) { id } }', { id })
            expect([type, found?.allowed]).toEqual([type, node !== null])
          }
        }
      }
    }, 120_000)

    test('judges what leads to memories by those that the user sees', async () => {
      const [own, open] = [await remember(ann, 'The attic.'), await remember(ann, 'The garden.', 'PUBLIC')]
      const input = { fromId: own, toId: open, type: 'NEAR' }
      const { id } = (await must(ann, 'relateMemories', input, 'relationship { id }')).relationship
      const { explainAccess: mine } = await admin.ask(explain, { viewer: ann.id, id })
      expect(mine.reason).toBe('Allowed by read_both_ends.')
      const { explainAccess: others } = await admin.ask(explain, { viewer: ben.id, id })
      expect(others.reason).toBe('Refused: no rule of memory.relationships is satisfied.')
      await must(ann, 'reviseMemory', { id: own, visibility: 'PUBLIC' }, 'memory { id }')
      expect((await admin.ask(explain, { viewer: ben.id, id })).explainAccess.allowed).toBe(true)
    })

    test('is for admins, of their own tenant', async () => {
      const id = await remember(ann, 'The spare wheel is flat.')
      for (const who of [ann, ben]) {
        const { errors } = await who.send(explain, { viewer: ben.id, id })
        expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }])
      }
      expect(await stranger.ask(explain, { viewer: ann.id, id })).toEqual({ explainAccess: null })
      expect(await stranger.ask(explain, { viewer: stranger.id, id })).toEqual({ explainAccess: null })
    })
  })

  describe('what the audit is told', () => {
    test('an address that another reads, and a refresh token that comes twice', async () => {
      const asked = '{ users(first: 50) { nodes { username email } } }'
      expect(JSON.stringify(await admin.ask(asked))).toContain('ann@example.test')
      const signIn =
        'mutation { signIn(input: { login: "ben", password: "ben-secret" }) { ... on SignInSuccess { session { refreshToken } } } }'
      const { session } = (await ben.ask(signIn)).signIn
      const refresh = `mutation { refreshSession(input: { refreshToken: "${session.refreshToken}" }) { __typename } }`
      expect((await ben.ask(refresh)).refreshSession.__typename).toBe('RefreshSessionSuccess')
      expect((await ben.ask(refresh)).refreshSession.__typename).toBe('InvalidCredentials')
      await product.server.stores.sentinel.idle()
      const found = await admin.ask(
        '{ dataAccessLog(first: 50) { nodes { kind object } } securityViolations(first: 50) { nodes { kind severity user { username } } } }',
      )
      expect(found.dataAccessLog.nodes).toContainEqual({ kind: 'ACCOUNT_READ', object: 'email' })
      const reused = { kind: 'TOKEN_REUSED', severity: 'HIGH', user: { username: 'ben' } }
      expect(found.securityViolations.nodes).toContainEqual(reused)
    })

    test('and not one’s own address', async () => {
      const count = async () => {
        await product.server.stores.sentinel.idle()
        const { dataAccessLog } = await admin.ask('{ dataAccessLog(first: 100) { nodes { kind } } }')
        return dataAccessLog.nodes.filter(({ kind }: { kind: string }) => kind === 'ACCOUNT_READ').length
      }
      const before = await count()
      await ann.ask('{ viewer { email } }')
      expect(await count()).toBe(before)
    })
  })

  describe('a grant on vectors', () => {
    test('lets its subject find by meaning what is shared with him, until it is revoked', async () => {
      const id = await remember(ann, 'The sleeper to Lisbon departs at 21:40 from platform nine.', 'SHARED')
      const secret = await remember(ann, 'The sleeper to Madrid departs at 22:10 from platform two.')
      await share(ann, id, ben)
      await product.settled()
      const found = async () =>
        (await ben.ask(recall)).recall.hits.map(({ memory }: { memory: { id: string } }) => memory.id)
      expect(await found()).not.toContain(id)
      const { access } = await must(
        ann,
        'grantVectorAccess',
        { userId: ben.id },
        'access { id permission collection subject { username } }',
      )
      expect(access).toMatchObject({ permission: 'READ', collection: 'MEMORIES', subject: { username: 'ben' } })
      expect(await found()).toContain(id)
      expect(await found()).not.toContain(secret)
      expect((await ben.ask(list)).vectorAccess.nodes).toMatchObject([{ owner: { username: 'ann' } }])
      await must(ann, 'revokeVectorAccess', { id: access.id }, 'accessId')
      expect(await found()).not.toContain(id)
      expect((await ben.ask(list)).vectorAccess.nodes).toEqual([])
    })

    test('ends by itself', async () => {
      const validUntil = new Date(Date.now() + 3_600_000).toISOString()
      const { access } = await must(
        ann,
        'grantVectorAccess',
        { userId: ben.id, validUntil },
        'access { id validUntil }',
      )
      expect(access.validUntil).toBe(validUntil)
      const again = await must(ann, 'grantVectorAccess', { userId: ben.id }, 'access { id validUntil }')
      expect(again.access).toEqual({ id: access.id, validUntil: null })
    })

    test('is given to users of the tenant, other than oneself, and not for the past', async () => {
      const grant = `mutation ($input: GrantVectorAccessInput!) {
        grantVectorAccess(input: $input) { __typename ... on Problem { code path } } }`
      const codes = async (input: object) => (await ann.ask(grant, { input })).grantVectorAccess.code
      expect(await codes({ userId: stranger.id })).toBe('NOT_FOUND')
      expect(await codes({ userId: ann.id })).toBe('INVALID_INPUT')
      expect(await codes({ userId: ben.id, validUntil: '2020-01-01T00:00:00Z' })).toBe('INVALID_INPUT')
    })
  })
})
