/**
 * What compression of cold memories saves and costs.
 *
 *   node tools/stores.ts run node bench/memory/compression.ts FILE [TEXTS]
 *
 * FILE holds one conversation a line in OpenAI's chat format; what user, assistant and tools said in it is remembered, up
 * to so many texts. The compressors of Node are compared on each text by itself, as it is stored: what does not get smaller
 * by a tenth counts as it is; their time is the processor's, so that others' work does not count. Then every text is
 * remembered twice, in a session that a rule has packed and in one that stays plain, and both are read in turn.
 */
import { readFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import * as zlib from 'node:zlib'
import { packText, unpackText } from '../../lib/packed-text.ts'
import { median, printTable } from '../table.ts'
import { type Backend, backends, openWorld, type World } from './world.ts'

const rounds = 60
const page = 100
const batch = 1000

const [file, most] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node bench/memory/compression.ts FILE [TEXTS]')
  process.exit(2)
}
const texts = [...new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean).flatMap(textsOf))].slice(
  0,
  Number(most ?? Number.POSITIVE_INFINITY),
)

function textsOf(line: string): string[] {
  const { messages } = JSON.parse(line) as { messages: { role: string; content: string | null }[] }
  return messages.flatMap(({ role, content }) => (role === 'system' || !content?.trim() ? [] : [content]))
}

interface Compressor {
  readonly name: string
  pack(plain: Buffer): Buffer
  unpack(packed: Buffer): Buffer
}

function compressors(): Compressor[] {
  const { constants } = zlib
  const brotli = (quality: number): Compressor => ({
    name: `Brotli ${quality}`,
    pack: (plain) =>
      zlib.brotliCompressSync(plain, {
        params: {
          [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
          [constants.BROTLI_PARAM_QUALITY]: quality,
          [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
        },
      }),
    unpack: (packed) => zlib.brotliDecompressSync(packed),
  })
  const zstd = (level: number): Compressor => ({
    name: `Zstandard ${level}`,
    pack: (plain) => zlib.zstdCompressSync(plain, { params: { [constants.ZSTD_c_compressionLevel]: level } }),
    unpack: (packed) => zlib.zstdDecompressSync(packed),
  })
  const deflate: Compressor = {
    name: 'deflate 9',
    pack: (plain) => zlib.deflateRawSync(plain, { level: 9 }),
    unpack: (packed) => zlib.inflateRawSync(packed),
  }
  return [deflate, zstd(3), zstd(19), brotli(5), brotli(11)]
}

async function compareCompressors(): Promise<void> {
  const plain = texts.map((text) => Buffer.from(text))
  const bytes = sum(plain.map(({ length }) => length))
  const rows = compressors().map(({ name, pack, unpack }) => {
    for (const each of plain.slice(0, 300)) unpack(pack(each))
    const [packed, packMs] = timed(() => plain.map(pack))
    const [, unpackMs] = timed(() => packed.map(unpack))
    return rowOf(name, packed, plain, bytes, packMs, unpackMs)
  })
  const started = cpuMs()
  const own: (Buffer | null)[] = []
  for (const text of texts) own.push(await packText(text))
  const packMs = cpuMs() - started
  const kept = own.filter((each) => each !== null)
  const [, unpackMs] = timed(() => kept.map((each) => unpackText(each)))
  const stored = own.map((each, n) => each ?? plain[n] ?? Buffer.alloc(0))
  rows.push(rowOf('as it is stored', stored, plain, bytes, packMs, (unpackMs * own.length) / kept.length))
  printTable(`${texts.length} texts of ${Math.round(bytes / texts.length)} bytes on average, load ${load()}`, rows)
}

function rowOf(
  name: string,
  packed: readonly Buffer[],
  plain: readonly Buffer[],
  bytes: number,
  packMs: number,
  unpackMs: number,
) {
  const stored = packed.map(({ length }, n) => {
    const whole = plain[n]?.length ?? 0
    return length <= 0.9 * whole ? length : whole
  })
  return {
    compressor: name,
    'bytes left': percent(sum(stored) / bytes),
    'texts packed': percent(stored.filter((size, n) => size < (plain[n]?.length ?? 0)).length / plain.length),
    'CPU ms to pack 1,000': ((packMs / plain.length) * 1000).toFixed(0),
    'CPU ms to unpack 1,000': ((unpackMs / plain.length) * 1000).toFixed(0),
  }
}

async function measure(backend: Backend): Promise<void> {
  const world = await openWorld(backend)
  const [packed, plain] = [await remember(world, true), await remember(world, false)]
  await world.caughtUp()
  const before = await rowBytes(world)
  await world.ask(
    `mutation { setPolicyRule(input: { name: "cold", kind: COMPRESSION, action: COMPRESS,
      condition: { metadata: { cold: true } } }) { __typename } }`,
  )
  const ms = await compressAll(world)
  const after = await rowBytes(world)
  const { compressed } = (await world.ask<{ memoryStats: { compressed: Sizes } }>(STATS)).memoryStats
  const list = await inTurn(world, LIST, [packed, plain])
  const recall = await inTurn(world, RECALL, [packed, plain])
  printTable(`${texts.length} memories compressed on ${backend}, load ${load()}`, [
    {
      'bytes left of contents packed': percent(compressed.storedBytes / compressed.originalBytes),
      'of their rows': before === null || after === null ? '–' : percent(after / before),
      'ms for 1,000': ((ms / texts.length) * 1000).toFixed(0),
      [`a page of ${page}: packed, plain, ms`]: `${list.map((each) => each.toFixed(2)).join(', ')} (${ratio(list)})`,
      'recall: packed, plain, ms': `${recall.map((each) => each.toFixed(2)).join(', ')} (${ratio(recall)})`,
    },
  ])
  await world.close()
}

interface Sizes {
  readonly originalBytes: number
  readonly storedBytes: number
}

const STATS = '{ memoryStats { compressed { originalBytes storedBytes } } }'
const LIST = `query ($session: ID!) { memories(first: ${page}, orderBy: OLDEST_FIRST, filter: { sessionId: $session }) {
  nodes { id content } } }`
const RECALL = `query ($session: ID!) { recall(query: "Which flight was cancelled, and what did the refund come to?",
  first: 10, filter: { sessionId: $session }) { hits { score memory { content } } } }`

/** All texts in a session of their own. @returns the session */
async function remember(world: World, cold: boolean): Promise<string> {
  const { answer } = await world.ask<{ answer: { session: { id: string } } }>(
    'mutation { answer: openChatSession(input: {}) { ... on OpenChatSessionSuccess { session { id } } } }',
  )
  const sessionId = answer.session.id
  for (let from = 0; from < texts.length; from += batch) {
    const items = texts.slice(from, from + batch).map((content) => ({ content, sessionId, metadata: { cold } }))
    const many = 'mutation ($input: RememberManyInput!) { many: rememberMany(input: $input) { __typename } }'
    const { many: done } = await world.ask<{ many: { __typename: string } }>(many, { input: { items } })
    if (done.__typename !== 'RememberManySuccess') throw new Error(done.__typename)
  }
  return sessionId
}

async function compressAll(world: World): Promise<number> {
  const mutation = `mutation { answer: compressColdMemories(input: {}) {
    ... on CompressColdMemoriesSuccess { complete } ... on Problem { message } } }`
  const started = performance.now()
  for (;;) {
    const { answer } = await world.ask<{ answer: { complete?: boolean; message?: string } }>(mutation)
    if (answer.message !== undefined) throw new Error(answer.message)
    if (answer.complete) return performance.now() - started
  }
}

/** What the rows take that the rule is about, with all else that is kept in them. */
async function rowBytes({ admin }: World): Promise<number | null> {
  const { rows } = (await admin?.query<{ bytes: string }>(
    `SELECT sum(pg_column_size(revisions.*)) AS bytes FROM memory.revisions WHERE metadata @> '{"cold": true}'`,
  )) ?? { rows: [] }
  return rows[0] ? Number(rows[0].bytes) : null
}

/** The median of each session's answers, asked for one after the other. */
async function inTurn(world: World, query: string, sessions: readonly string[]): Promise<number[]> {
  const times = sessions.map((): number[] => [])
  for (let round = -5; round < rounds; round++) {
    for (const [n, session] of sessions.entries()) {
      const started = performance.now()
      await world.askText(query, { session })
      if (round >= 0) times[n]?.push(performance.now() - started)
    }
  }
  return times.map(median)
}

function timed<T>(work: () => T): [T, number] {
  const started = cpuMs()
  const done = work()
  return [done, cpuMs() - started]
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

const sum = (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0)
const percent = (share: number) => `${(100 * share).toFixed(0)} %`
const ratio = ([first = 0, second = 1]: readonly number[]) => `${(first / second).toFixed(2)}×`
const load = () => loadavg()[0]?.toFixed(1)

await compareCompressors()
for (const backend of backends) await measure(backend)
