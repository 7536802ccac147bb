import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { uuidOf } from '../../lib/ids.ts'
import { loadRooms } from '../../subgraphs/rooms.ts'
import { roomSchema } from '../../subgraphs/subgraph.ts'
import { openTestPostgres, type TestPostgres } from '../kit/postgres.ts'
import { type Data, type Product, startProduct } from '../kit/product.ts'
import { mutate, word } from './matrix/ask.ts'
import { inputs, type Planter } from './matrix/mutations.ts'
import { must, plant } from './matrix/plant.ts'

// Every mutation of the memory room that succeeds leaves an entry in the audit and an event in the log. The list of mutations
// is the schema's, so it grows with it.

/** What changes nothing, each with the reason. */
const silent: Readonly<Record<string, string>> = {
  routeRequest: 'proposes, and keeps nothing',
}

/** What is in the audit alone, each with the reason. */
const unheard: Readonly<Record<string, string>> = {
  compressColdMemories: 'changes how contents are stored, and nothing that anybody sees of them',
}

describe.skipIf(!process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1')(
  'what is told of changes, on PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)',
  { timeout: 300_000 },
  () => {
    let database: TestPostgres
    let product: Product
    let owner: Planter

    beforeAll(async () => {
      database = await openTestPostgres('PostgreSQL 18')
      const { user, password, host, port, database: name } = database.admin
      const url = `postgres://${user}:${password}@${host}:${port}/${name}`
      product = await startProduct({ env: { MNEMOGRAPH_DATABASE_URL: url } })
      const person = await product.join('owner')
      const friend = (await product.join()).id
      owner = { person, plants: await plant({ person, word, friend, settled: product.settled }) }
    }, 300_000)
    afterAll(async () => {
      await product?.close()
      await database?.close()
    })

    /** For mutations that name nothing by its id, or are an admin’s there: an input that has something to do. */
    const others: Readonly<Record<string, () => Data | Promise<Data>>> = {
      setUserContext: () => ({ key: 'tone', value: 'dry' }),
      async deleteUserContext() {
        await must(owner.person, 'setUserContext', { key: 'spare', value: 1 }, 'entry { key }')
        return { key: 'spare' }
      },
      setPolicyRule: () => ({ name: 'allows', kind: 'SHARING', action: 'ALLOW' }),
      setVoiceSettings: () => ({ language: 'de' }),
      async applyTierRules() {
        const moves = { name: 'told', kind: 'TIER', action: 'MOVE', toTier: 'SEMANTIC' }
        await must(owner.person, 'setPolicyRule', { ...moves, condition: { metadata: { told: true } } }, 'cursor')
        // What is there when a rule changes is moved at once.
        await product.settled()
        await must(owner.person, 'remember', { content: 'To be moved.', metadata: { told: true } }, 'cursor')
        return {}
      },
      async compressColdMemories() {
        const packs = { name: 'told packs', kind: 'COMPRESSION', action: 'COMPRESS', condition: {} }
        await must(owner.person, 'setPolicyRule', packs, 'cursor')
        const content = Array.from({ length: 200 }, (_, n) => `The ferry leaves at ${n}.`).join(' ')
        await must(owner.person, 'remember', { content }, 'cursor')
        return {}
      },
      async cleanUpExpired() {
        const { memory } = await must(owner.person, 'remember', { content: 'To expire.' }, 'memory { id }')
        await database.sql(
          `UPDATE memory.revisions SET retention_until = now() - interval '1 s' WHERE memory_id = $1`,
          [uuidOf('Memory', memory.id)],
        )
        return {}
      },
    }
    const traces = async () => {
      const [row] = await database.sql<{ audit: number; events: number }>(
        `SELECT (SELECT count(*) FROM audit.audit_log WHERE actor_id = $1)::integer AS audit,
                (SELECT count(*) FROM events.log WHERE actor_id = $1)::integer AS events`,
        [uuidOf('User', owner.person.id)],
      )
      return row ?? { audit: 0, events: 0 }
    }

    test('each mutation of the memory room leaves an entry in the audit and an event', async () => {
      const rooms = await loadRooms()
      const room = rooms.find(({ name }) => name === 'memory')
      const fields = Object.keys((room && roomSchema(room, rooms).getMutationType()?.getFields()) ?? {})
      expect(fields.length).toBeGreaterThan(40)
      const wrong: string[] = []
      for (const mutation of fields) {
        const given = others[mutation] ?? inputs[mutation]
        if (given === undefined) throw new Error(`${mutation}: give it an input here or in tests/security/matrix`)
        const input = await given(owner)
        const before = await traces()
        const sent = await mutate(owner.person, mutation, input, '')
        const after = await traces()
        const left = [after.audit - before.audit, after.events - before.events] as const
        if (!sent.includes('Success"')) wrong.push(`${mutation}: ${sent}`)
        else if (silent[mutation]) expect([mutation, ...left]).toEqual([mutation, 0, 0])
        else if (left[0] === 0 || (left[1] === 0) !== (unheard[mutation] !== undefined))
          wrong.push(`${mutation} leaves ${left[0]} entries and ${left[1]} events`)
      }
      expect(wrong).toEqual([])
      console.log(`${fields.length} mutations, ${Object.keys(silent).length} of which change nothing`)
    })
  },
)
