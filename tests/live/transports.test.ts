import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Data, type Person, type Product, person, startProduct, transports } from '../kit/product.ts'

const folder = mkdtempSync(join(tmpdir(), 'live-'))
let product: Product
let ann: Person
let sessionId: string
let agentId: string

beforeAll(async () => {
  product = await startProduct({ data: folder })
  ann = await product.join('ann')
  const opened = await ann.ask(
    'mutation { openChatSession(input: { mode: SIMPLE }) { ... on OpenChatSessionSuccess { session { id } } } }',
  )
  sessionId = opened.openChatSession.session.id
  const registered = await ann.ask(
    'mutation { registerAgent(input: { agentId: "one", name: "One" }) { ... on RegisterAgentSuccess { agent { id } } } }',
  )
  agentId = registered.registerAgent.agent.id
})
afterAll(async () => {
  await product.close()
  rmSync(folder, { recursive: true })
})

const writes = {
  memoryChanges: (n: number) =>
    `mutation { remember(input: { content: "memory ${n}" }) { ... on RememberSuccess { cursor } } }`,
  messageAdded: (n: number) =>
    `mutation { appendMessages(input: { sessionId: "${sessionId}", messages: [{ role: USER, content: "message ${n}" }] }) {
       ... on AppendMessagesSuccess { cursor } } }`,
  blackboardEvents: (n: number) =>
    `mutation { postToBlackboard(input: { sessionId: "${sessionId}", sourceId: "${agentId}", type: TASK, payload: ${n} }) {
       ... on PostToBlackboardSuccess { event { cursor } } } }`,
}
const subscriptions = {
  memoryChanges: () =>
    'subscription ($after: Cursor) { memoryChanges(after: $after) { cursor kind at memory { content owner { username } } } }',
  messageAdded: () =>
    `subscription ($after: Cursor) { messageAdded(sessionId: "${sessionId}", after: $after) { cursor at message { content } } }`,
  blackboardEvents: () =>
    `subscription ($after: Cursor) { blackboardEvents(sessionId: "${sessionId}", after: $after) { cursor sequence payload } }`,
}
type Field = keyof typeof subscriptions
const fields = Object.keys(subscriptions) as Field[]

async function write(field: Field, n: number): Promise<string> {
  const answer: Data = Object.values(await ann.ask(writes[field](n)))[0]
  return answer.cursor ?? answer.event.cursor
}

async function take(events: AsyncGenerator<Data>, count: number): Promise<Data[]> {
  const taken: Data[] = []
  while (taken.length < count) {
    const { value, done } = await events.next()
    if (done) throw new Error('the stream is over')
    taken.push(value)
  }
  return taken
}

const cursorsOf = (events: Data[]) => events.map(({ extensions }) => extensions.live.cursor)

describe.each(fields)('%s', (field) => {
  test('gives the same answers over every transport, missed ones and live ones', async () => {
    const after = await write(field, 0)
    const missed = [await write(field, 1), await write(field, 2)]
    const streams = transports.map((transport) => ann.follow(transport, subscriptions[field](), { after }))
    const replayed = await Promise.all(streams.map((stream) => take(stream, 2)))
    const next = streams.map((stream) => take(stream, 1))
    const live = await write(field, 3)
    const answers = (await Promise.all(next)).map((one, index) => [...(replayed[index] ?? []), ...one])
    // A message is an event, and so may be what was remembered of it.
    expect(cursorsOf(answers[0] ?? [])).toHaveLength(3)
    if (field !== 'messageAdded') expect(cursorsOf(answers[0] ?? [])).toEqual([...missed, live])
    for (const answer of answers) expect(answer).toEqual(answers[0])
    for (const stream of streams) await stream.return(undefined)
  })
})

test('the id of an event stream wins over an older `after` in its URL, as when EventSource comes back', async () => {
  const after = await write('memoryChanges', 10)
  const seen = await write('memoryChanges', 11)
  const missed = await write('memoryChanges', 12)
  const query = new URLSearchParams({
    query: subscriptions.memoryChanges(),
    variables: JSON.stringify({ after }),
  })
  const response = await fetch(`${product.url}?${query}`, {
    headers: { accept: 'text/event-stream', authorization: `Bearer ${ann.token}`, 'last-event-id': seen },
  })
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (text.includes('event: next')) break
  }
  expect(text.match(/^id: (.*)$/gm)).toEqual([`id: ${seen}`, `id: ${missed}`])
})

test('an event stream tells its place before anything has happened', async () => {
  const last = await write('memoryChanges', 20)
  const query = new URLSearchParams({ query: 'subscription { memoryChanges { cursor } }' })
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${ann.token}` }
  const response = await fetch(`${product.url}?${query}`, { headers })
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString()
    if (text.includes('id: ')) break
  }
  expect(text).toBe(`:\n\nid: ${last}\n\n`)
})

test.each(transports)('a foreign cursor is refused over %s', async (transport) => {
  const bob = await product.join()
  const cursor = await write('memoryChanges', 30)
  for (const after of [cursor, 'rubbish']) {
    const { value } = await bob.follow(transport, subscriptions.memoryChanges(), { after }).next()
    expect(value.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }])
  }
})

test.each(transports)('what was missed while the server was restarted is replayed over %s', async (transport) => {
  // What is said twice in the same words is one memory.
  const n = 40 + 10 * transports.indexOf(transport)
  const stream = ann.follow(transport, subscriptions.memoryChanges(), { after: await write('memoryChanges', n) })
  await write('memoryChanges', n + 1)
  const [seen] = await take(stream, 1)
  const missed = [await write('memoryChanges', n + 2), await write('memoryChanges', n + 3)]
  await product.close()
  await stream.return(undefined).catch(() => {})
  product = await startProduct({ data: folder })
  ann = person(product.url, ann.token, ann.id)
  const back = ann.follow(transport, subscriptions.memoryChanges(), { after: cursorsOf([seen])[0] })
  expect(cursorsOf(await take(back, 2))).toEqual(missed)
  const next = take(back, 1)
  const live = await write('memoryChanges', n + 4)
  expect(cursorsOf(await next)).toEqual([live])
  await back.return(undefined)
})
