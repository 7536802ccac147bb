import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { startCommand } from '../kit/process.ts'
import { type Data, joinProduct, type Person } from '../kit/product.ts'

// The same journey through memory, once with nothing kept and once with everything on the disk. What is said in it is
// looked for in every file that the process could have written: on the disk it has to be found, or the look shows nothing.

const word = 'Quillfeather'
const homes: string[] = []
afterAll(() => {
  for (const home of homes) rmSync(home, { recursive: true, force: true })
})

const must = async (person: Person, mutation: string, input: Data, select: string): Promise<Data> => {
  const name = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}`
  const source = `mutation ($input: ${name}Input!) { ${mutation}(input: $input) { ... on ${name}Success { ${select} } ... on Problem { message } } }`
  const answer = (await person.ask(source, { input }))[mutation]
  expect(answer.message).toBeUndefined()
  return answer
}

async function journey(url: string): Promise<void> {
  const ann = await joinProduct(url, 'ann')
  const { session } = await must(ann, 'openChatSession', { title: `${word} plans` }, 'session { id }')
  const messages = [{ role: 'USER', content: `${word} sails on Monday.` }]
  await must(ann, 'appendMessages', { sessionId: session.id, messages, remember: true }, 'remembered')
  await must(ann, 'setContext', { sessionId: session.id, key: 'who', value: word }, 'entry { key }')
  const { session: second } = await must(ann, 'openChatSession', { parentId: session.id }, 'session { id }')
  const handOver = { type: 'CONTEXT_TRANSFER', sourceId: session.id, targetId: second.id }
  const { sync } = await must(ann, 'syncMemory', handOver, 'sync { status }')
  expect(sync.status).toBe('COMPLETED')
  const asked = { sessionId: session.id, message: `Where is ${word}?`, answer: `${word} is at sea.`, remember: false }
  await must(ann, 'answerChat', asked, 'turn { id }')
  const spoken = { audio: Buffer.from(word).toString('base64'), mediaType: 'audio/ogg', transcript: `${word} sings.` }
  await must(ann, 'processVoice', { ...spoken, sessionId: session.id }, 'sample { status }')
  const item = { collection: 'CONVERSATION_CONTEXT', kind: 'CONTEXT', content: `${word} is a parrot.` }
  await must(ann, 'storeVectors', { items: [item] }, 'vectors { id }')
  await must(
    ann,
    'recordReasoningChain',
    { sessionId: session.id, steps: [{ thought: `${word} flies.` }] },
    'chain { id }',
  )
  const rule = { name: word, kind: 'REDACTION', action: 'MASK', mask: 'WORDS', words: [word] }
  await must(ann, 'setPolicyRule', rule, 'rule { id }')
  const kept = { content: `${word} has a red coat.`, metadata: { who: word } }
  const { memory } = await must(ann, 'remember', kept, 'memory { id }')
  await must(ann, 'reviseMemory', { id: memory.id, content: `${word} has a blue coat.` }, 'memory { version }')
  const soon = new Date(Date.now() + 2_000).toISOString()
  await must(ann, 'remember', { content: `${word} waits.`, retentionUntil: soon }, 'memory { id }')
  const { recall } = await ann.ask('{ recall(query: "who has a blue coat?") { hits { memory { content } } } }')
  expect(recall.hits[0].memory.content).toBe(`${word} has a blue coat.`)
  let archive: Data = null
  while (archive === null) {
    ;({ archive } = await must(ann, 'cleanUpExpired', { archive: true }, 'archive { lines }'))
  }
  expect(archive.lines[0].revisions[0].content).toBe(`${word} waits.`)
  await must(ann, 'forgetMemory', { id: memory.id }, 'memoryId')
  const { memories } = await ann.ask('{ memories { nodes { content } } }')
  expect(memories.nodes).toEqual([{ content: `${word} sails on Monday.` }])
}

/** Files under a folder that are no sockets. */
function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => statSync(path).isFile())
}

const holding = (files: readonly string[]) => files.filter((path) => readFileSync(path).includes(word))

async function travel(data: string | null): Promise<{ during: string[]; after: string[]; left: string[] }> {
  const home = mkdtempSync(join(tmpdir(), 'mnemograph-trace-'))
  homes.push(home)
  const flags = ['start', '--port', '0', '--data', data ?? join(home, 'data')]
  const running = await startCommand(flags, { TMPDIR: home, HOME: home })
  let during: string[]
  try {
    await journey(running.url)
    during = filesIn(home)
  } finally {
    await running.end('SIGTERM')
  }
  return { during, after: filesIn(home), left: readdirSync(home) }
}

describe('a journey through memory', () => {
  test('leaves no file behind, and has none on its way, when nothing is kept', async () => {
    expect(await travel(':memory:')).toEqual({ during: [], after: [], left: [] })
  }, 240_000)

  test('is found on the disk when it is kept there', async () => {
    const { after } = await travel(null)
    expect(holding(after)).not.toEqual([])
  }, 240_000)
})
