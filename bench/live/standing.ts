import { tmpdir } from 'node:os'
import { loadConfig } from '../../gateway/config.ts'
import { openServer } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { median, printTable, quantile } from '../table.ts'

// Standing searches: how long after a write is acknowledged its reader is told, and what more readers cost.
//   node bench/live/standing.ts [readers]

const most = Number(process.argv[2] ?? 500)
const writes = 20
const queries = ['harbour crane inspection', 'violin workshop varnish', 'orchid greenhouse temperature']

const { config } = loadConfig({
  env: {
    MNEMOGRAPH_DATA: ':memory:',
    MNEMOGRAPH_PORT: '0',
    MNEMOGRAPH_MAX_CONNECTIONS_PER_USER: '100000',
    MNEMOGRAPH_MAX_CONNECTIONS_PER_ADDRESS: '100000',
  },
  cwd: tmpdir(),
})
const server = await openServer({ config, log: createLog('error'), listen: true })
const url = `${server.url}/graphql`

async function ask(query: string, variables: Record<string, unknown> = {}, token?: string) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(token ? { authorization: `Bearer ${token}` } : {}) },
    body: JSON.stringify({ query, variables }),
  })
  const { data, errors } = (await response.json()) as { data: Record<string, never>; errors?: unknown }
  if (errors) throw new Error(JSON.stringify(errors))
  return data as Record<string, Record<string, Record<string, string>>>
}

const input = { username: 'ann', email: 'ann@example.test', password: 'correct horse battery' }
const { signUp } = await ask(
  'mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { session { accessToken } } } }',
  { input },
)
const token = signUp?.session?.accessToken ?? ''

/** When each reader has heard of a memory, by what it says. */
const heard = new Map<string, number[]>()

async function read(index: number, signal: AbortSignal, opened: () => void): Promise<void> {
  // Readers ask for different numbers of hits, so that they share a search and not an answer.
  const variables = { query: queries[index % queries.length], first: 1 + (index % 20) }
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({
      query:
        'subscription ($query: String!, $first: Int) { recallChanges(query: $query, first: $first) { entered { memory { content } } } }',
      variables,
    }),
    signal,
  })
  let text = ''
  let isOpen = false
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (!isOpen && text.includes('id: ')) {
      isOpen = true
      opened()
    }
    const now = performance.now()
    // Each event is one line; an event may also tell of a memory that is there already, so it is heard once.
    for (const [, name] of text.matchAll(/"entered":\[\{"memory":\{"content":"write (\d+):[^\n]*\n/g))
      heard.get(name as string)?.push(now)
    text = text.slice(text.lastIndexOf('\n') + 1)
  }
}

const rows: Record<string, string>[] = []
for (const readers of [queries.length, most]) {
  const stop = new AbortController()
  let open = 0
  const reading = Array.from({ length: readers }, (_, index) =>
    read(index, stop.signal, () => {
      open += 1
    }).catch(() => {}),
  )
  while (open < readers) await new Promise((resolve) => setTimeout(resolve, 50))
  const firsts: number[] = []
  const lasts: number[] = []
  const cpu = process.cpuUsage()
  for (let n = 0; n < writes; n++) {
    const name = `${readers}${String(n).padStart(4, '0')}`
    const times: number[] = []
    heard.set(name, times)
    const { remember } = await ask(
      'mutation ($content: String!) { remember(input: { content: $content }) { ... on RememberSuccess { memory { id } } } }',
      { content: `write ${name}: ${queries.join(', ')}.` },
      token,
    )
    const acknowledged = performance.now()
    while (times.length < readers) await new Promise((resolve) => setTimeout(resolve, 1))
    firsts.push((times[0] ?? acknowledged) - acknowledged)
    lasts.push((times.at(-1) ?? acknowledged) - acknowledged)
    // The next one is found again by all.
    await ask(
      'mutation ($id: ID!) { forgetMemory(input: { id: $id }) { __typename } }',
      { id: remember?.memory?.id },
      token,
    )
  }
  const { user, system } = process.cpuUsage(cpu)
  rows.push({
    readers: String(readers),
    'distinct searches': String(queries.length),
    'first told after, ms': median(firsts).toFixed(0),
    'last told after, ms': median(lasts).toFixed(0),
    '95 of 100': quantile(lasts, 0.95).toFixed(0),
    'CPU a write, ms (server and readers)': ((user + system) / 1000 / writes).toFixed(0),
  })
  stop.abort()
  await Promise.all(reading)
}
printTable('From the acknowledged write to the readers who are told, embedded', rows)
await server.close()
