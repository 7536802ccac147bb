import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { createExecutor } from '../../lib/execution/executor.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { roomExecution } from '../../subgraphs/execute.ts'
import { loadRooms } from '../../subgraphs/rooms.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type Data, type Person, type Product, person, startProduct } from '../kit/product.ts'
import {
  answer,
  caughtUp,
  everyChange,
  has,
  idsIn,
  inTurn,
  isCard,
  listen,
  mutate,
  mutationArguments,
  normal,
  nothings,
  placeNow,
  replaced,
  schema,
  word,
} from './matrix/ask.ts'
import { byAdmins, inputs, mayName, type Planter } from './matrix/mutations.ts'
import { joinTenant, lasting, typeOf, viewerOfPerson } from './matrix/people.ts'
import { type Plants, plant } from './matrix/plant.ts'
import { type Probe, probesOf, selectionOf, variablesOf } from './matrix/probes.ts'

// Nobody sees what is not his: every field of the schema is asked, with every id, by its owner, by another user of his
// tenant, by a user of another tenant and by nobody. The questions are made from the schema, so they grow with it.
//
// What somebody else is told may not depend on what the owner has. So each question is put before and after the owner
// plants his things, and the answers must be the same to the letter; the owner's must differ, or the question asked
// nothing. That finds counts, ranks and error messages too, not only rows.

const queries = probesOf(schema, 'query')
const subscriptions = probesOf(schema, 'subscription')
const publicWord = 'Pimpernellite'

/** Fields that tell a tenant's admins what others have, each with the reason. */
const forAdmins: Readonly<Record<string, string>> = {
  users: 'lists the users of the tenant',
  auditLog: 'shows who did what to which row, and no values',
  securityViolations: 'shows what was refused',
  dataAccessLog: 'shows who read what is sensitive',
  systemHealth: 'tells how the system is',
  embeddingIndexes: 'counts the vectors of the whole system',
  auditVerification: 'counts the entries of the whole system',
  privacyRequest: 'shows what was asked for and counts; the lines are the user’s alone',
  policyAudit: 'shows what policies decided of whose memory, and nothing of what it holds',
  explainAccess: 'says which rules let whom, and nothing of what a thing holds',
}

/** Fields that tell everybody the same, each with the reason. */
const open: Readonly<Record<string, string>> = {
  'Query.retentionPolicies': 'is what the tenant has set, and a user has none of his own',
  'Query.teams': 'lists what admins have made, and the owner is none',
  'Query.invitations': 'lists whom admins have invited, and the owner is none',
  'Query.serviceAccounts': 'lists what admins have made, and the owner is none',
  'Query.policyAudit(traceId)': 'asks for a trace, of which the matrix knows none',
  'Query.contextAnalysis(content)': 'tells what it was told',
  'Query.concept': 'refuses to answer without an id or a name',
  'Query.consensusNode': 'refuses to answer without an id, or type and key',
  'Query.consensusNode(type)': 'refuses to answer without an id, or type and key',
  'Query.consensusNode(key)': 'refuses to answer without an id, or type and key',
}

const wide = {
  MNEMOGRAPH_MAX_ALIASES: '100000',
  MNEMOGRAPH_MAX_FIELDS: '1000000',
  MNEMOGRAPH_MAX_TOKENS: '1000000',
  MNEMOGRAPH_MAX_OVERLAPS: '100000000',
}

interface World {
  readonly product: Product
  readonly database: TestPostgres | null
}

const backends: readonly [string, boolean, () => Promise<World>][] = [
  ['PGlite', false, async () => ({ product: await startProduct({ env: wide }), database: null })],
  [
    'PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)',
    !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1',
    async () => {
      const database = await openTestPostgres('PostgreSQL 18')
      const { user, password, host, port, database: name } = database.admin
      const url = `postgres://${user}:${password}@${host}:${port}/${name}`
      return { product: await startProduct({ env: { ...wide, MNEMOGRAPH_DATABASE_URL: url } }), database }
    },
  ],
]

describe.each(backends)('on %s', (_, skip, openWorld) => {
  describe.skipIf(skip)('the matrix of owners and tenants', { timeout: 600_000 }, () => {
    let world: World
    let owner: Person
    let others: Record<'neighbour' | 'admin' | 'stranger' | 'nobody', Person>
    let plants: Plants
    /** Answers to each question with ids of nothing, before the owner had anything. */
    const before = new Map<string, string>()
    const planters = new Map<string, Planter>()

    beforeAll(async () => {
      world = await openWorld()
      const { product } = world
      const elsewhere = randomUUID()
      owner = await lasting(product, await product.join('owner'))
      others = {
        neighbour: await lasting(product, await product.join('neighbour')),
        admin: await lasting(product, await joinTenant(product, defaultTenantId, 'ADMIN')),
        stranger: await lasting(product, await joinTenant(product, elsewhere)),
        nobody: person(product.url, '', ''),
      }
      const friends = { here: (await product.join()).id, elsewhere: (await joinTenant(product, elsewhere)).id }
      for (const name of ['neighbour', 'admin', 'stranger'] as const) {
        // The same words, so that what is counted, ranked or found by them could tell.
        const friend = name === 'stranger' ? friends.elsewhere : friends.here
        const { settled } = product
        planters.set(name, {
          person: others[name],
          plants: await plant({ person: others[name], word, friend, settled }),
        })
      }
      const empty = new Map(
        [...(planters.get('neighbour')?.plants.ids.keys() ?? [])].map((type) => [type, nothings(type)]),
      )
      await eachQuestion(empty, async (key, probe, ids) => {
        for (const [name, asker] of everybody()) before.set(`${name} ${key}`, await answer(asker, probe, ids))
      })
      plants = await plant({ person: owner, word, friend: (await product.join()).id, settled: product.settled })
      // So that there is something for admins to be told of.
      const target = planters.get('neighbour')?.plants.id('Agent')
      await mutate(owner, 'setAgentStatus', { id: target, status: 'BUSY' }, '')
      await product.server.stores.sentinel.idle()
    }, 600_000)

    afterAll(async () => {
      await world?.product.close()
      await world?.database?.close()
    })

    const everybody = (): [string, Person][] => [['owner', owner], ...Object.entries(others)]

    /** Each probe with the ids of one type after the other; a probe that names no id, once. */
    async function eachQuestion(
      ids: ReadonlyMap<string, readonly string[]>,
      ask: (key: string, probe: Probe, ids: readonly string[]) => Promise<void>,
    ): Promise<void> {
      for (const probe of queries) {
        const named = probe.slots.some(({ kind }) => kind === 'id')
        for (const [type, found] of named ? ids : [['', []] as const]) {
          await ask(`${probe.name}${type === '' ? '' : ` with ${type}`}`, probe, found)
        }
      }
    }

    test('tells nobody else anything, and the owner everything', async () => {
      const leaks: string[] = []
      const controls = new Map<string, boolean>()
      let asked = 0
      await eachQuestion(plants.ids, async (key, probe, ids) => {
        // All at once, and then the owner first: neither a shared flight nor a cache may pass his answer on.
        const rounds = [
          await Promise.all(everybody().map(([, asker]) => answer(asker, probe, ids))),
          await inTurn(everybody(), ([, asker]) => answer(asker, probe, ids)),
        ]
        for (const round of rounds) {
          for (const [index, [name]] of everybody().entries()) {
            const same = round[index] === before.get(`${name} ${key}`)
            const tells = forAdmins[probe.field] === undefined ? 'owner' : 'admin'
            if (name === 'owner' && tells !== name) continue
            if (name === tells) {
              if (probe.each !== null && !probe.each.includes(typeOf(ids[0] ?? ''))) continue
              const control = probe.each === null ? probe.name : key
              controls.set(control, (controls.get(control) ?? false) || !same)
            } else {
              asked += 1
              if (!same)
                leaks.push(`${name}: ${key}\n  before ${before.get(`${name} ${key}`)}\n  now    ${round[index]}`)
            }
          }
        }
      })
      expect(leaks).toEqual([])
      const blind = [...controls].filter(([name, seen]) => !seen && open[name] === undefined).map(([name]) => name)
      expect(blind, 'the owner’s answer does not show what he has: plant something in tests/security/matrix').toEqual(
        [],
      )
      expect(asked).toBeGreaterThan(queries.length)
      console.log(`0 of ${asked} questions leak; ${controls.size} have their owner's answer`)
    })

    test('refuses another’s id in every argument of every mutation, as if it named nothing', async () => {
      const ownerBefore = await ownersAnswers()
      const leaks: string[] = []
      let asked = 0
      for (const { mutation, path } of mutationArguments()) {
        const given = inputs[mutation]
        if (given === undefined)
          throw new Error(`${mutation} names ${path.join('.')}: give it an input in tests/security/matrix`)
        for (const [name, planter] of planters) {
          for (const [type, [id = '']] of plants.ids) {
            if (name === 'admin' && type === 'User' && byAdmins.has(mutation)) continue
            if (name !== 'stranger' && type === 'User' && mayName[`${mutation}.${path.join('.')}`]) continue
            const own = await given(planter)
            const sent = await mutate(planter.person, mutation, replaced(own, path, id), id)
            const nothing = toGlobalId(typeOf(id), randomUUID())
            const expected = await mutate(
              planter.person,
              mutation,
              replaced(await given(planter), path, nothing),
              nothing,
            )
            asked += 1
            if (sent !== expected || sent.includes('Success"'))
              leaks.push(`${name}: ${mutation}(${path.join('.')}) with ${typeOf(id)}\n  ${sent}\n  ${expected}`)
          }
        }
      }
      expect(leaks).toEqual([])
      expect(await ownersAnswers()).toEqual(ownerBefore)
      console.log(`0 of ${asked} inputs with another's id were taken`)
    })

    test('takes the owner’s ids in every argument of every mutation', async () => {
      const refused: string[] = []
      for (const mutation of new Set(mutationArguments().map(({ mutation }) => mutation))) {
        const sender = (byAdmins.has(mutation) && planters.get('admin')) || { person: owner, plants }
        const input = await inputs[mutation]?.(sender)
        const missing = mutationArguments().filter(
          (argument) => argument.mutation === mutation && !has(input, argument.path),
        )
        if (missing.length > 0)
          refused.push(`${mutation} is never sent ${missing.map(({ path }) => path.join('.')).join(', ')}`)
        const sent = await mutate(sender.person, mutation, input, '')
        if (!sent.includes('Success"')) refused.push(`${mutation}: ${sent}`)
      }
      expect(refused).toEqual([])
    })

    test('gives no client another’s answer for the same key and names', async () => {
      const same = { content: `${word} once`, externalId: 'same-name', clientMutationId: 'same-key' }
      const mine = await mutate(owner, 'remember', same, '')
      for (const { person: other } of planters.values()) {
        const theirs = await mutate(other, 'remember', same, '')
        expect(idsIn(theirs).filter((id) => idsIn(mine).includes(id))).toEqual([])
      }
      expect(await mutate(owner, 'remember', same, '')).toBe(mine)
    })

    test('answers references to entities to their owner alone', async () => {
      const rooms = await loadRooms()
      const leaks: string[] = []
      const seen = new Set<string>()
      let asked = 0
      for (const room of rooms) {
        const options = roomExecution(room as never, rooms as never, () => world.product.server.stores)
        const executor = createExecutor(options)
        const entity = options.schema.getType('_Entity')
        if (entity === undefined) continue
        for (const type of options.schema.getPossibleTypes(entity as never)) {
          const document = `query ($of: [_Any!]!) { _entities(representations: $of) ${selectionOf(options.schema, type, 2).replace('{', `{ ... on ${type.name} {`)} } }`
          for (const key of ['id', 'nodeRef']) {
            for (const [name, asker] of everybody()) {
              const viewer = asker.token === '' ? null : await viewerOfPerson(world.product, asker)
              const ask = async (id: string) => {
                const { stores } = world.product.server
                const context = {
                  viewer,
                  deadline: Date.now() + 30_000,
                  signal: AbortSignal.timeout(30_000),
                  traceId: 'test',
                  clock: stores.clock,
                  ids: stores.ids,
                }
                const result = await executor.execute({
                  operation: document,
                  variables: { of: [{ __typename: type.name, [key]: id }] },
                  context,
                })
                return normal(JSON.stringify(result), [id])
              }
              for (const id of plants.ids.get(type.name) ?? []) {
                const same = (await ask(id)) === (await ask(toGlobalId(type.name, randomUUID())))
                asked += 1
                if (name === 'owner') {
                  if (!same) seen.add(`${room.name} ${type.name}`)
                } else if (!same && !isCard(room.name, type.name, name))
                  leaks.push(`${name}: ${room.name} tells of ${type.name} by ${key}`)
              }
            }
          }
        }
      }
      expect(leaks).toEqual([])
      const nodes = [...plants.ids.keys()].filter((type) => queries.some(({ each }) => each?.includes(type)))
      const owned = nodes.filter((type) => ![...seen].some((found) => found.endsWith(` ${type}`)))
      expect(owned, 'no room answers the owner’s own reference').toEqual([])
      console.log(`0 of ${asked} references to entities leak`)
    })

    test('follows nothing that is another’s', async () => {
      const leaks: string[] = []
      const heard = new Set<string>()
      const places = new Map<string, string>()
      for (const [name, asker] of everybody()) if (asker.token !== '') places.set(name, await placeNow(asker))
      const ends = new AbortController()
      const streams = subscriptions.flatMap((probe) => {
        const named = probe.slots.some(({ kind }) => kind === 'id') ? [...plants.ids.values()] : [[]]
        return named.flatMap((ids) =>
          everybody().map(([name, asker]) => {
            const variables = { ...variablesOf(probe, ids, word), after: places.get(name) ?? null }
            const told: string[] = []
            return { name, probe, told, done: listen(asker, probe.document, variables, told, ends.signal) }
          }),
        )
      })
      await everyChange({ person: owner, plants })
      // Whoever follows has heard of the owner's changes, if at all, when he hears of his own that come after.
      for (const planter of planters.values()) await everyChange(planter)
      for (const [name, asker] of everybody()) if (asker.token !== '') await caughtUp(asker, places.get(name) as string)
      await vi.waitFor(() => {
        for (const { name, probe, told } of streams) {
          if (name === 'owner' && told.some((text) => text.includes('"cursor"'))) heard.add(probe.field)
        }
        const deaf = subscriptions.map(({ field }) => field).filter((field) => !heard.has(field))
        expect(deaf, 'the owner hears nothing: make a change of its kind in tests/security/matrix').toEqual([])
      }, 30_000)
      ends.abort()
      await Promise.all(streams.map(({ done }) => done))
      for (const { name, probe, told } of streams) {
        if (name === 'owner') continue
        const foreign = told.filter((text) => [...plants.ids.values()].flat().some((id) => text.includes(`"${id}"`)))
        for (const text of foreign) leaks.push(`${name}: ${probe.name}: ${text}`)
      }
      expect(leaks).toEqual([])
    })

    test('takes no cursor that another was given', async () => {
      const after = await placeNow(owner)
      for (const { person: other } of planters.values()) {
        const events = other.follow(
          'sse',
          'subscription ($after: Cursor) { memoryChanges(after: $after) { cursor } }',
          { after },
        )
        const { value } = await events.next()
        expect(JSON.stringify(value)).toContain('BAD_USER_INPUT')
        await events.return(undefined)
      }
    })

    test('shows what is public to the tenant, and to no other', async () => {
      const remember =
        'mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { memory { id } } } }'
      const { remember: made } = await owner.ask(remember, {
        input: { content: `${publicWord} for all.`, visibility: 'PUBLIC' },
      })
      await world.product.settled()
      const find =
        '{ memories(first: 100) { nodes { id content } } recall(query: "Pimpernellite") { hits { memory { id } } } }'
      const node = `query ($id: ID!) { node(id: $id) { id } }`
      expect(JSON.stringify(await others.neighbour.ask(find))).toContain(made.memory.id)
      expect((await others.neighbour.ask(node, { id: made.memory.id })).node).toEqual({ id: made.memory.id })
      expect(JSON.stringify(await others.stranger.ask(find))).not.toContain(made.memory.id)
      expect((await others.stranger.ask(node, { id: made.memory.id })).node).toBeNull()
    })

    test('keeps interleaved viewers apart', async () => {
      const find =
        '{ viewer { id } memories(first: 100) { nodes { owner { id } } } chatSessions(first: 100) { nodes { owner { id } } } }'
      const askers = [owner, others.neighbour, others.stranger]
      const answers = await Promise.all(
        Array.from({ length: 120 }, async (_, n) => {
          const asker = askers[n % askers.length] as Person
          const data = await asker.ask(find)
          const owners = [...data.memories.nodes, ...data.chatSessions.nodes].map(({ owner: { id } }: Data) => id)
          return { asked: asker.id, viewer: data.viewer.id, owners: new Set(owners) }
        }),
      )
      for (const { asked, viewer, owners } of answers) {
        expect(viewer).toBe(asked)
        if (asked === others.stranger.id) expect([...owners]).toEqual([asked])
        else expect(owners).toContain(asked)
      }
    })

    test.skipIf(skip || process.env.MNEMOGRAPH_TEST_POSTGRES_URL === undefined)(
      'sees a hole when there is one',
      async () => {
        if (world.database === null) return
        await world.database.sql(
          'CREATE POLICY hole ON memory.chat_sessions FOR SELECT TO mnemograph_memory USING (true)',
        )
        try {
          let leaks = 0
          await eachQuestion(plants.ids, async (key, probe, ids) => {
            if (!probe.name.startsWith('Query.chatSession')) return
            if ((await answer(others.stranger, probe, ids)) !== before.get(`stranger ${key}`)) leaks += 1
          })
          expect(leaks).toBeGreaterThan(1)
        } finally {
          await world.database.sql('DROP POLICY hole ON memory.chat_sessions')
        }
      },
    )

    async function ownersAnswers(): Promise<Map<string, string>> {
      const found = new Map<string, string>()
      await eachQuestion(plants.ids, async (key, probe, ids) => void found.set(key, await answer(owner, probe, ids)))
      return found
    }
  })
})
