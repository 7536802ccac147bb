import { afterAll, beforeAll, expect, test } from 'vitest'
import { controlClient } from '../../cli/graph-client.ts'
import { readOpenAiLine } from '../../cli/import/openai.ts'
import { runImport } from '../../cli/import/run.ts'
import type { StatementEvent } from '../../stores/postgres/pool.ts'
import { conversationLines } from '../kit/conversations.ts'
import { type Person, type Product, startProduct } from '../kit/product.ts'

// A query's number of statements depends on its shape, never on how many rows it finds.

const statements: StatementEvent[] = []
let product: Product
let person: Person

beforeAll(async () => {
  product = await startProduct({ onStatement: (statement) => void statements.push(statement) })
  person = await product.join('reader')
  const lines = conversationLines(50)
  await runImport(controlClient(product.server.controlSocket, 'reader'), records(lines), {
    agent: 'assistant',
    onProgress: () => {},
    signal: new AbortController().signal,
  })
  await product.settled()
}, 180_000)
afterAll(() => product.close())

async function* records(lines: readonly string[]) {
  for (const [index, line] of lines.entries()) yield { line: index + 1, item: readOpenAiLine(line) }
}

const query = `query Walk($sessions: Int!, $messages: Int!) {
  viewer { chatSessions(first: $sessions) { nodes { title
    messages(first: $messages) { nodes { content
      memories(first: 2) { nodes { content concepts(first: 5) { nodes { name
        appearsIn(first: 2) { nodes { memory { content } session { title agents(first: 2) { nodes { name } } } } } } } } } } } } } } }`

test('a walk over 1, 10 and 50 sessions sends the same number of statements', async () => {
  // The first request also asks whether the sign-in goes on; that answer is kept for a while.
  await person.ask('{ viewer { id } }')
  const counts = new Map<number, number>()
  for (const sessions of [1, 10, 50]) {
    statements.length = 0
    const { viewer } = await person.ask(query, { sessions, messages: 20 })
    expect(viewer.chatSessions.nodes).toHaveLength(sessions)
    expect(viewer.chatSessions.nodes[0].messages.nodes).toHaveLength(6)
    // Beside it jobs and projectors go their own ways.
    const walk = statements.find(({ role }) => role === 'memory')?.traceId
    const sent = statements.filter(({ traceId }) => traceId === walk)
    counts.set(sessions, sent.length)
    // Rows stay in proportion to what was asked for: no statement reads more than the page needs.
    expect(Math.max(...sent.map(({ rows }) => rows))).toBeLessThanOrEqual(sessions * 6 * 2 * 5 * 3)
  }
  expect(counts.get(1)).toBeGreaterThan(5)
  expect(counts.get(10)).toBe(counts.get(1))
  expect(counts.get(50)).toBe(counts.get(1))
})
