import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { loadConfig } from '../../gateway/config.ts'
import { openServer, type Server } from '../../gateway/server.ts'
import { silentLog } from '../../lib/log.ts'
import { openTestPostgres, type TestPostgres, urlOf } from '../kit/postgres.ts'
import { type Data, joinProduct, type Person, person } from '../kit/product.ts'
import { redisUrl } from '../kit/redis.ts'

const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
const postgresMissing = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && !required
/** What follows the log waits for every open transaction of the server, those of suites beside this one as well. */
const patience = 90_000

describe.skipIf(postgresMissing).each([
  { name: 'through Redis (set MNEMOGRAPH_TEST_REDIS_URL)', redis: redisUrl, missing: redisUrl === '' && !required },
  { name: 'through LISTEN and NOTIFY', redis: undefined, missing: false },
])('two gateways on one PostgreSQL 18, $name', ({ redis, missing }) => {
  describe.skipIf(missing)('', { timeout: patience }, () => {
    const folder = mkdtempSync(join(tmpdir(), 'instances-'))
    let database: TestPostgres
    const gateways: Server[] = []
    let ann: Person

    const open = async () => {
      const env = {
        MNEMOGRAPH_DATA: folder,
        MNEMOGRAPH_PORT: '0',
        MNEMOGRAPH_DATABASE_URL: urlOf(database.admin),
        MNEMOGRAPH_REDIS_URL: redis,
      }
      const { config } = loadConfig({ env, cwd: '/nowhere' })
      return openServer({ config, log: silentLog(), listen: true })
    }
    const urlAt = (index: number) => `${gateways[index]?.url}/graphql`
    const at = (index: number, who = ann) => person(urlAt(index), who.token, who.id)

    beforeAll(async () => {
      database = await openTestPostgres('PostgreSQL 18')
      gateways.push(await open(), await open())
      ann = await joinProduct(urlAt(0), 'ann')
    }, 120_000)
    afterAll(async () => {
      for (const gateway of gateways) await gateway.close()
      await database?.close()
      rmSync(folder, { recursive: true })
    })

    const changes = 'subscription ($after: Cursor) { memoryChanges(after: $after) { cursor memory { content } } }'
    const remember = async (index: number, content: string): Promise<string> => {
      const query = `mutation ($content: String!) { remember(input: { content: $content }) { ... on RememberSuccess { cursor } } }`
      return (await at(index).ask(query, { content })).remember.cursor
    }
    const contentOf = ({ value }: IteratorResult<Data>) => value.data.memoryChanges.memory.content

    test('what is written on one is told by the other, and a stream goes on there', async () => {
      const after = await remember(0, 'the beginning')
      const first = at(1).follow('websocket', changes, { after })
      const seen = first.next()
      await remember(0, 'written on one')
      const { value } = await seen
      expect(value.data.memoryChanges.memory.content).toBe('written on one')
      await first.return(undefined)
      await remember(1, 'missed')
      const second = at(0).follow('sse', changes, { after: value.extensions.live.cursor })
      expect(contentOf(await second.next())).toBe('missed')
      await second.return(undefined)
    })

    test('a sign-out on one closes the sockets of the other with 4403', async () => {
      const bea = await joinProduct(urlAt(0), 'bea')
      const stream = at(1, bea).follow('websocket', changes)
      const ended = stream.next().catch((error: unknown) => error)
      await vi.waitFor(async () => {
        const metrics = await (await fetch(`${gateways[1]?.url}/metrics`)).text()
        expect(metrics).toMatch(/mnemograph_sockets_open [1-9]/)
      }, 10_000)
      await bea.ask('mutation { signOut { ... on SignOutSuccess { endedAt } } }')
      expect(await ended).toMatchObject({ code: 4403 })
    })

    test('a session that ends in the database alone ends on both', async () => {
      const cleo = await joinProduct(urlAt(0), 'cleo')
      const streams = [0, 1].map((index) => at(index, cleo).follow('multipart', changes))
      const last = Promise.all(
        streams.map(async (stream) => {
          const { value } = await stream.next()
          return value.errors[0].extensions.closeCode
        }),
      )
      await vi.waitFor(async () => {
        const metrics = await (await fetch(`${gateways[1]?.url}/metrics`)).text()
        expect(metrics).toMatch(/mnemograph_event_streams_open [1-9]/)
      }, 10_000)
      await database.sql(
        'UPDATE users.sessions SET ended_at = now() WHERE owner_id = (SELECT id FROM users.users WHERE username = $1)',
        ['cleo'],
      )
      expect(await last).toEqual([4403, 4403])
    })
  })
})
