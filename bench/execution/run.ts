import { loadavg } from 'node:os'
import { buildSchema, execute, type GraphQLSchema, parse } from 'graphql'
import { PreparedOperation } from '../../lib/execution/prepared.ts'
import { median, printTable } from '../table.ts'

/**
 * A room's execution of an operation, beside GraphQL.js's of the same document, over resolvers that cost nothing: some
 * answers come at once, and those of one list under each item later, as a loader's do.
 *
 *   node bench/execution/run.ts [ROUNDS]
 */
const rounds = Number(process.argv[2] ?? 400)
const perRound = 20

const schema = buildSchema(`
  type Query { sessions(first: Int): [Session!]! one: Memory }
  type Session { title: String! memories(first: Int): Memories! }
  type Memories { nodes: [Memory!]! }
  type Memory { id: ID! content: String! tier: Tier! version: Int! score: Float revisions(first: Int): Memories! }
  enum Tier { WORKING EPISODIC }`)
const memory = { id: 'TWVtb3J5', content: 'We moved the standup to ten.', tier: 'WORKING', version: 1, score: 0.5 }
const memories = { nodes: Array.from({ length: 20 }, () => memory) }
resolve('Query', 'sessions', () => Array.from({ length: 10 }, () => ({ title: 'Planning' })))
resolve('Query', 'one', () => memory)
resolve('Session', 'memories', () => Promise.resolve(memories))
resolve('Memory', 'revisions', () => Promise.resolve({ nodes: [memory] }))

const operations: Record<string, string> = {
  'one object of 5 fields': '{ one { id content tier version score } }',
  '10 lists of 20 objects': '{ sessions { title memories(first: 20) { nodes { id content tier version score } } } }',
  'a list under each of them':
    '{ sessions { title memories(first: 20) { nodes { version revisions(first: 1) { nodes { content tier version } } } } } }',
}

const rows = []
for (const [name, text] of Object.entries(operations)) {
  const document = parse(text, { noLocation: true })
  const prepared = new PreparedOperation(schema, document)
  const ours = () => prepared.execute({}, {})
  const theirs = async () => execute({ schema, document })
  if (JSON.stringify(await ours()) !== JSON.stringify(await theirs())) throw new Error('the two do not answer alike')
  const times = { ours: [] as number[], theirs: [] as number[] }
  for (let round = -rounds / 4; round < rounds; round++) {
    const [ourTime, theirTime] = [await timeOf(ours), await timeOf(theirs)]
    if (round < 0) continue
    times.ours.push(ourTime)
    times.theirs.push(theirTime)
  }
  rows.push({
    operation: name,
    'ours, µs': (median(times.ours) * 1000).toFixed(1),
    'GraphQL.js, µs': (median(times.theirs) * 1000).toFixed(1),
    ratio: `${(median(times.theirs) / median(times.ours)).toFixed(1)}×`,
  })
}
printTable(`One execution, its median of ${rounds} rounds of ${perRound}; load ${loadavg()[0]?.toFixed(1)}`, rows)

async function timeOf(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  for (let each = 0; each < perRound; each++) await run()
  return (performance.now() - started) / perRound
}

function resolve(type: string, field: string, resolver: () => unknown): void {
  const fields = (schema as GraphQLSchema).getType(type) as unknown as {
    getFields(): Record<string, { resolve: unknown }>
  }
  const found = fields.getFields()[field]
  if (!found) throw new Error(`${type} has no ${field}`)
  found.resolve = resolver
}
