import { loadavg } from 'node:os'
import { printTable, quantile } from '../table.ts'
import { fill } from './fill.ts'
import { openWorld } from './world.ts'

/**
 * A nested read through our graph and through PostGraphile 5, over the same tables and policies, both in this process.
 *
 *   npm ci --prefix bench/memory/peers
 *   node tools/stores.ts run node bench/memory/postgraphile.ts [ROUNDS]
 */
const rounds = Number(process.argv[2] ?? 300)
const warmUp = 50

interface Peer {
  ask(query: string): Promise<{ readonly data?: unknown; readonly errors?: readonly { message: string }[] }>
  close(): Promise<void>
}
interface PeerModule {
  openPostgraphile(url: string, settings: Readonly<Record<string, string>>): Promise<Peer>
}

// What a memory says now is a field of it here, and a row of another table there.
const ours =
  '{ chatSessions(first: 10) { nodes { title memories(first: 20) { nodes { version content occurredAt tier } } } } }'
const byRevision = `{ chatSessions(first: 10) { nodes { title memories(first: 20) { nodes {
  version revisions(first: 1) { nodes { content version occurredAt tier } } } } } } }`
const theirs = `{ allChatSessions(first: 10, orderBy: ORDINAL_DESC) { nodes { title
  memoriesBySessionId(first: 20, orderBy: POSITION_ASC) { nodes {
    version revisionsByMemoryId(first: 1, orderBy: VERSION_DESC) { nodes { content version occurredAt tier } } } } } } }`

const world = await openWorld('PostgreSQL 18')
const { openPostgraphile } = (await import(`${import.meta.dirname}/peers/postgraphile.js`)) as PeerModule
await fill(world, 0, 2000)
await world.admin?.query('VACUUM ANALYZE')
const { userId, tenantId, sessionId } = world.viewer
const peer = await openPostgraphile(world.url ?? '', {
  role: 'mnemograph_memory',
  'mnemograph.user_id': userId,
  'mnemograph.tenant_id': tenantId,
  'mnemograph.session_id': sessionId,
})
const ways: Record<string, () => Promise<string>> = {
  Mnemograph: () => world.askText(ours),
  'Mnemograph, by revisions': () => world.askText(byRevision),
  'PostGraphile 5.1.5': async () => {
    const { data, errors } = await peer.ask(theirs)
    if (errors) throw new Error(errors[0]?.message)
    return JSON.stringify(data)
  },
}
const contents = await Promise.all(Object.values(ways).map(async (ask) => contentsOf(await ask())))
if (new Set(contents).size > 1) throw new Error('the two do not answer alike')

const times = new Map(Object.keys(ways).map((name) => [name, [] as number[]]))
for (let round = -warmUp; round < rounds; round++) {
  for (const [name, ask] of Object.entries(ways)) {
    const started = performance.now()
    await ask()
    if (round >= 0) times.get(name)?.push(performance.now() - started)
  }
}
const base = quantile(times.get('Mnemograph') ?? [], 0.5)
printTable(
  `10 sessions, 20 memories of each, the last revision of each; load ${loadavg()[0]?.toFixed(1)}`,
  [...times].map(([way, samples]) => ({
    way,
    'p50 ms': quantile(samples, 0.5).toFixed(2),
    'p95 ms': quantile(samples, 0.95).toFixed(2),
    'p50 against ours': `${(quantile(samples, 0.5) / base).toFixed(2)}×`,
  })),
)
await peer.close()
await world.close()

/** What both answers say, whatever their fields are called. */
function contentsOf(answer: string): string {
  return [...answer.matchAll(/"content":("(?:[^"\\]|\\.)*")/g)].map(([, content]) => content).join('\n')
}
