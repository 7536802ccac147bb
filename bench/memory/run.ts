import { loadavg } from 'node:os'
import { parseArgs } from 'node:util'
import { printTable, quantile } from '../table.ts'
import { fill } from './fill.ts'
import { record } from './replay.ts'
import { openTexts } from './texts.ts'
import { type EncoderTime, timeEncoder } from './time-encoder.ts'
import { type Backend, backends, openWorld, type World } from './world.ts'

/**
 * What single operations take through the whole graph in process, beside the same statements sent by the driver alone.
 *
 *   node tools/stores.ts run node bench/memory/run.ts [--memories N] [--rounds N] [--postgres-only]
 *
 * Without a PostgreSQL server (MNEMOGRAPH_TEST_POSTGRES_URL) the embedded form alone is measured.
 */
const { values: options } = parseArgs({
  options: {
    memories: { type: 'string', default: '100000' },
    embedded: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '200' },
    'postgres-only': { type: 'boolean', default: false },
  },
})
const rounds = Number(options.rounds)
const warmUp = 20
const texts = openTexts()

interface Operation {
  /** Milliseconds that p95 may take on PostgreSQL. */
  readonly target: number
  /** Milliseconds that the n-th call took, without the encoder's. */
  call(n: number): Promise<number>
}

for (const backend of backends) {
  if (backend === 'PGlite' && options['postgres-only']) continue
  await measure(backend, Number(backend === 'PGlite' ? options.embedded : options.memories))
}

async function measure(backend: Backend, memories: number): Promise<void> {
  const world = await openWorld(backend)
  await fill(world, 0, memories)
  await world.admin?.query('VACUUM ANALYZE')
  const encoder = timeEncoder(world.stores)
  const encoding: number[] = []
  const rows = []
  for (const [name, operation] of Object.entries(await operationsOf(world, encoder, encoding))) {
    // What comes again is prepared: it is noted as it is sent then.
    for (let time = 0; time < 2; time++) await operation.call(0)
    const replay = await record(() => operation.call(-1))
    const [ours, theirs]: [number[], number[]] = [[], []]
    for (let n = -warmUp; n < rounds; n++) {
      // They take turns in being first: what follows a write, as its vector, is at work beside the one that comes next.
      const first = n % 2 === 0 ? await timed(replay.run) : null
      const took = await operation.call(n + warmUp)
      const bare = first ?? (await timed(replay.run))
      if (n < 0) continue
      ours.push(took)
      theirs.push(bare)
    }
    await replay.close()
    rows.push({
      operation: name,
      'p50 ms': quantile(ours, 0.5).toFixed(2),
      'p95 ms': quantile(ours, 0.95).toFixed(2),
      'asked for': backend === 'PGlite' ? '' : operation.target,
      'same statements by pg, p50': quantile(theirs, 0.5).toFixed(2),
      'their p95': quantile(theirs, 0.95).toFixed(2),
      'overhead (p50)': `${(quantile(ours, 0.5) / quantile(theirs, 0.5)).toFixed(2)}×`,
    })
  }
  const started = backend === 'PGlite' ? '' : `; all migrations took ${(world.migrationMs / 1000).toFixed(1)} s`
  printTable(
    `${backend}, ${memories} memories, load ${loadavg()[0]?.toFixed(1)}${started}; the encoder took ${quantile(encoding, 0.5).toFixed(1)} ms (p50) a question`,
    rows,
  )
  await world.close()
}

async function operationsOf(
  world: World,
  encoder: EncoderTime,
  encodings: number[],
): Promise<Record<string, Operation>> {
  const remember = `mutation ($input: RememberInput!) { answer: remember(input: $input) {
    ... on RememberSuccess { memory { id version } } ... on Problem { message } } }`
  const revise = `mutation ($input: ReviseMemoryInput!) { answer: reviseMemory(input: $input) {
    ... on ReviseMemorySuccess { memory { id version } } ... on Problem { message } } }`
  const read = 'query ($id: ID!) { memory(id: $id) { id content tier visibility occurredAt metadata version } }'
  const recall = 'query ($query: String!) { recall(query: $query) { hits { rank score memory { id content } } } }'
  const analysis =
    'query ($content: String!) { contextAnalysis(content: $content) { result confidence engineVersion } }'
  const create = async (n: number) => {
    const input = { content: texts.turn(10_000_000 + n), metadata: { speaker: 'Ann' } }
    const { answer } = await world.ask<{ answer: { memory?: { id: string }; message?: string } }>(remember, { input })
    if (answer.memory === undefined) throw new Error(answer.message)
    return answer.memory.id
  }
  const ids = await Promise.all(Array.from({ length: rounds + warmUp + 1 }, (_, n) => create(1_000_000 + n)))
  await world.caughtUp()
  const id = (n: number) => ids[n + 1] ?? ''
  return {
    'create: remember': { target: 10, call: (n) => timed(() => create(n)) },
    'read: memory(id)': { target: 3, call: (n) => timed(() => world.ask(read, { id: id(n) })) },
    'update: reviseMemory': {
      target: 10,
      call: (n) => timed(() => world.ask(revise, { input: { id: id(n), content: texts.turn(20_000_000 + n) } })),
    },
    'cached context analysis': {
      target: 1,
      call: () => timed(() => world.ask(analysis, { content: texts.turn(7) })),
    },
    'recall, without the encoder': {
      target: 25,
      async call(n) {
        const before = encoder.total
        const took = await timed(() => world.ask(recall, { query: texts.question(n) }))
        const encoding = encoder.total - before
        encodings.push(encoding)
        return took - encoding
      },
    },
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}
