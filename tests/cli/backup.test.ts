import { randomBytes } from 'node:crypto'
import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { defaultTenantId } from '../../lib/tenants.ts'
import { backUp } from '../../stores/backup/backup.ts'
import { BackupFileError, readLines, writeLines } from '../../stores/backup/file.ts'
import { openObjects, openOwnerConnection } from '../../stores/open.ts'
import { runCommand } from '../kit/process.ts'
import { type Data, type Person, type Product, person, startProduct } from '../kit/product.ts'
import { scanDatabase, scanFolder } from '../security/canary.ts'
import { joinTenant, viewerOfPerson } from '../security/matrix/people.ts'
import { compressAll, must, plant } from '../security/matrix/plant.ts'
import { untilDone } from '../security/privacy-request.ts'

// Each of these starts whole processes, several one after the other.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 180_000 })

const directory = mkdtempSync(join(tmpdir(), 'mnemograph-backup-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))
const never = new AbortController().signal

/** A place for a system: a data directory, and a database of its own where it is not the embedded one. */
interface Place {
  readonly data: string
  readonly env: Record<string, string>
  scan(word: string): Promise<Record<string, number>>
  close(): Promise<void>
}

let places = 0

async function embeddedPlace(): Promise<Place> {
  const data = join(directory, `embedded-${places++}`)
  return {
    data,
    env: {},
    async scan(word) {
      const { connection, close } = await openOwnerConnection({ data, databaseUrl: undefined })
      return scanDatabase(connection, word).finally(close)
    },
    async close() {},
  }
}

async function serverPlace(): Promise<Place> {
  // The kit keeps a connection of its own, which would count as a process that uses the database.
  const name = `mnemograph_backup_${randomBytes(6).toString('hex')}`
  const url = new URL(process.env.MNEMOGRAPH_TEST_POSTGRES_URL ?? '')
  url.pathname = `/${name}`
  await onCluster(`CREATE DATABASE ${name}`)
  return {
    data: join(directory, `server-${places++}`),
    env: { MNEMOGRAPH_DATABASE_URL: url.href },
    scan: (word) => scanDatabase({ connectionString: url.href }, word),
    close: () => onCluster(`DROP DATABASE ${name} WITH (FORCE)`),
  }
}

async function onCluster(sql: string): Promise<void> {
  const client = new pg.Client(process.env.MNEMOGRAPH_TEST_POSTGRES_URL)
  await client.connect()
  await client.query(sql).finally(() => client.end())
}

const open = ({ data, env }: Place) => startProduct({ data, env: { MNEMOGRAPH_DATA: data, ...env } })
const run = ({ data, env }: Place, ...args: string[]) => runCommand([...args, '--data', data, '--json'], env)

const everything = `{
  viewer { username email role displayName profile { firstName } devices(first: 9) { nodes { id name } } sessions(first: 50) { totalCount } }
  memories(first: 100) { nodes { id content compressed tier visibility metadata version createdAt occurredAt revisions(first: 9) { nodes { version content } } concepts(first: 9) { nodes { id name } } } }
  chatSessions(first: 100) { nodes { id title metadata active messages(first: 50) { nodes { id role content } } } }
  concepts(first: 100) { nodes { id name mentionCount } }
  agents(first: 20) { nodes { id name tools(first: 9) { nodes { id name } } } }
  secrets(first: 20) { nodes { id name } }
}`
const reveal =
  'mutation ($id: ID!) { revealSecret(input: { id: $id }) { ... on RevealSecretSuccess { value } ... on Problem { message } } }'

/** The lines of a backup that say what the system holds: not where the log's events stand, which is the cluster's own. */
async function rowsOf(file: string): Promise<Map<string, string[]>> {
  const tables = new Map<string, string[]>()
  let rows: string[] = []
  let hidden: number[] = []
  for await (const line of readLines(file, never)) {
    if (line.startsWith('[')) {
      const values = JSON.parse(line) as unknown[]
      for (const index of hidden) values[index] = null
      rows.push(JSON.stringify(values))
      continue
    }
    const { table, columns } = JSON.parse(line) as { table?: string; columns?: { name: string }[] }
    if (table === undefined) continue
    rows = []
    tables.set(table, rows)
    const moving = table === 'events.log' ? ['epoch', 'xid', 'seq'] : table === 'app.system' ? ['epoch'] : []
    hidden = (columns ?? []).flatMap(({ name }, index) => (moving.includes(name) ? [index] : []))
  }
  for (const [table, lines] of tables) if (table !== 'events.log') lines.sort()
  return tables
}

describe.each([
  ['the embedded database', false, embeddedPlace],
  [
    'PostgreSQL 18 (set MNEMOGRAPH_TEST_POSTGRES_URL)',
    !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1',
    serverPlace,
  ],
] as const)('a backup on %s', (_name, skip, newPlace) => {
  describe.skipIf(skip)('holds the whole system', () => {
    let place: Place
    let product: Product
    let ann: Person
    let gone: Person
    let before: Data
    let cursor: string
    let secretId: string
    const file = join(directory, `${places}-${skip}-${newPlace.name}.backup`)
    const made: Place[] = []
    const another = async () => {
      const next = await newPlace()
      made.push(next)
      return next
    }

    beforeAll(async () => {
      place = await another()
      product = await open(place)
      ann = await product.join('annabel')
      gone = await product.join('gonegirl')
      await plant({ person: ann, word: 'Annorium', friend: gone.id, settled: product.settled })
      await plant({ person: gone, word: 'Gonzorium', friend: ann.id, settled: product.settled })
      for (const [who, word] of [
        [ann, 'Annorium'],
        [gone, 'Gonzorium'],
      ] as const) {
        const content = `${word} went to the old harbour, and waited for the ferry that had left at half past nine.`
        await must(who, 'remember', { content }, 'memory { id }')
        await compressAll(who)
      }
      const { userId } = await viewerOfPerson(product, gone)
      const bytes = (async function* () {
        yield Buffer.from('Gonzorium in an object')
      })()
      await product.server.stores.objects.put(userId, 'notes/all.txt', bytes)
      secretId = (await must(ann, 'storeSecret', { name: 'odd', value: 'naïve "☃" \\ \n end' }, 'secret { id }')).secret
        .id
      cursor = (await must(ann, 'remember', { content: 'The last before the backup: Annorium "☃" \\ \n.' }, 'cursor'))
        .cursor
      // What is to expire goes first: a start cleans it up, beside whoever asks.
      for (let expired = 0; expired === 0; ) expired = (await must(ann, 'cleanUpExpired', {}, 'expired')).expired
      await product.settled()
      // Others' transactions on the same server may hold the log back: the last concept is waited for.
      before = await vi.waitFor(
        async () => {
          const all = await ann.ask(everything)
          expect(all.memories.nodes[0].concepts.nodes).not.toEqual([])
          return all
        },
        { timeout: 20_000 },
      )
    })
    afterAll(async () => {
      await product?.close()
      for (const each of made) await each.close()
    })

    test('is made while the server runs, and is its owner’s alone', async () => {
      const { code, stdout, stderr } = await run(place, 'backup', file)
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ file, objects: expect.any(Number) })
      expect(JSON.parse(stdout).rows).toBeGreaterThan(100)
      expect(existsSync(`${file}.part`)).toBe(false)
      // What is written after it is not in it.
      await must(ann, 'remember', { content: 'Written after the backup.' }, 'memory { id }')
    })

    test('comes back as it was, in another place, and goes on from there', async () => {
      const target = await another()
      const { code, stdout, stderr } = await run(target, 'restore', file)
      expect(stderr).toBe('')
      expect(code).toBe(0)
      expect(JSON.parse(stdout)).toMatchObject({ erasedAgain: 0 })
      const again = `${file}.again`
      expect((await run(target, 'backup', again)).code).toBe(0)
      expect(await rowsOf(again)).toEqual(await rowsOf(file))
      const restored = await open(target)
      try {
        const same = person(restored.url, ann.token, ann.id)
        const now = await same.ask(everything)
        expect(now).toEqual(before)
        expect((await same.ask(reveal, { id: secretId })).revealSecret).toEqual({ value: 'naïve "☃" \\ \n end' })
        const signIn = 'mutation { signIn(input: { login: "annabel", password: "annabel-secret" }) { __typename } }'
        expect((await person(restored.url, '', '').ask(signIn)).signIn.__typename).toBe('SignInSuccess')
        // A cursor from before does not lead to the wrong place: the client is told to read anew.
        const follow = 'subscription ($after: Cursor) { memoryChanges(after: $after) { kind memory { content } } }'
        const events = same.follow('sse', follow, { after: cursor })
        expect((await events.next()).value).toMatchObject({ data: null, extensions: { live: { resync: true } } })
        await must(same, 'remember', { content: 'Written after the restore.' }, 'memory { id }')
        expect((await events.next()).value.data.memoryChanges).toMatchObject({
          kind: 'CREATED',
          memory: { content: 'Written after the restore.' },
        })
        await events.return(undefined)
        // The vectors are made again beside whatever else is done.
        const search = '{ recall(query: "after the restore", first: 1) { pending hits { memory { content } } } }'
        await expect
          .poll(async () => (await same.ask(search)).recall)
          .toEqual({ pending: 0, hits: [{ memory: { content: 'Written after the restore.' } }] })
        const checked = await runCommand(['audit', 'verify', '--data', target.data, '--json'], target.env)
        expect(JSON.parse(checked.stdout)).toMatchObject({ valid: true, problems: [] })
      } finally {
        await restored.close()
      }
      // The chain goes on after it, with what was written since.
      const { code: verified } = await runCommand(['audit', 'verify', '--data', target.data], target.env)
      expect(verified).toBe(0)
      const { stdout: doctor, code: healthy } = await runCommand(
        ['doctor', '--security', '--data', target.data],
        target.env,
      )
      expect(doctor).not.toContain('✗')
      expect(healthy).toBe(0)
      // It is not written over by mistake.
      const refused = await run(target, 'restore', file)
      expect(refused.code).toBe(1)
      expect(refused.stderr).toContain('--replace')
    })

    test('leaves those erased who were erased after it', async () => {
      const staff = await joinTenant(product, defaultTenantId, 'ADMIN')
      await untilDone(product, staff, gone, { action: 'ERASE', confirmation: 'gonegirl' })
      const ledger = join(directory, `${places}.erasures`)
      copyFileSync(join(place.data, 'erasures.jsonl'), ledger)
      expect(readFileSync(ledger, 'utf8')).not.toContain('gonegirl')
      const busy = await run(place, 'restore', file, '--replace')
      expect(busy.code).toBe(1)
      expect(busy.stderr).toMatch(/in use/)
      await product.close()
      // Over the system itself, which knows who is gone; and elsewhere, where a list tells.
      const elsewhere = await another()
      for (const [target, flags] of [
        [place, ['--replace']],
        [elsewhere, ['--erasures', ledger]],
      ] as const) {
        const { code, stdout, stderr } = await run(target, 'restore', file, ...flags)
        expect(stderr).toBe('')
        expect(code).toBe(0)
        expect(JSON.parse(stdout)).toMatchObject({ erasedAgain: 1 })
        for (const word of ['Gonzorium', 'gonegirl']) {
          expect(await target.scan(word), word).toEqual({})
          expect(scanFolder(target.data, word), word).toEqual([])
        }
        expect(Object.keys(await target.scan('Annorium')).length).toBeGreaterThan(8)
        const restored = await open(target)
        const same = person(restored.url, ann.token, ann.id)
        expect((await same.ask('{ memories(first: 100) { nodes { content } } }')).memories.nodes).not.toContainEqual({
          content: 'Written after the backup.',
        })
        await restored.close()
      }
    })

    test('is refused whole when a byte of it is wrong or missing, or it is something else', async () => {
      const target = await another()
      const bytes = readFileSync(file)
      const broken = join(directory, 'broken.backup')
      const variants: [string, Buffer][] = [
        ['shorter', bytes.subarray(0, bytes.length - 20)],
        ['half', bytes.subarray(0, bytes.length >> 1)],
        ['empty', Buffer.alloc(0)],
        ['text', Buffer.from('{"mnemograph":"backup"}\n')],
      ]
      for (const share of [0.1, 0.5, 0.9]) {
        const changed = Buffer.from(bytes)
        const at = Math.floor(bytes.length * share)
        changed.writeUInt8(changed.readUInt8(at) ^ 0x10, at)
        variants.push([`changed at ${share}`, changed])
      }
      for (const [name, content] of variants) {
        writeFileSync(broken, content)
        const reading = async () => {
          for await (const _ of readLines(broken, never));
        }
        await expect(reading(), name).rejects.toThrow(BackupFileError)
      }
      const { code, stderr } = await run(target, 'restore', broken)
      expect(code).toBe(1)
      expect(stderr).toMatch(/^error: .*broken\.backup was changed|cannot be read/)
      expect(existsSync(join(target.data, 'postgres'))).toBe(false)
      await writeLines(broken, oneLine('{"some":"thing"}'), never)
      expect((await run(target, 'restore', broken)).stderr).toContain('is no backup')
      expect((await run(target, 'restore', join(directory, 'absent'))).code).toBe(2)
    })

    test('leaves no half file when it is interrupted', async () => {
      const folder = mkdtempSync(join(directory, 'stopped-'))
      const stop = new AbortController()
      const { connection, close } = await openOwnerConnection({
        data: place.data,
        databaseUrl: place.env.MNEMOGRAPH_DATABASE_URL,
      })
      try {
        const stopped = backUp(join(folder, 'x.backup'), {
          connection,
          objects: await openObjects(place.data),
          keysOf: null,
          signal: stop.signal,
          onProgress: () => stop.abort(),
        })
        await expect(stopped).rejects.toThrow()
      } finally {
        await close()
      }
      expect(readdirSync(folder)).toEqual([])
    })
  })
})

async function* oneLine(line: string) {
  yield line
}
