import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { FakeService } from '../kit/fake-service.ts'
import { type Data, type Person, type Product, startProduct } from '../kit/product.ts'

const analysis = `query ($content: String!) { contextAnalysis(content: $content) {
  result confidence engineVersion degraded createdAt } }`
const speak = `mutation ($input: ProcessVoiceInput!) { processVoice(input: $input) {
  ... on ProcessVoiceSuccess { added degraded said { content } sample { id status transcript result logs { totalCount } } }
  ... on Problem { message } } }`
const settings = `mutation { setVoiceSettings(input: { language: "de-AT" }) { ... on Problem { message } } }`
const open = `mutation { openChatSession(input: { mode: SIMPLE }) { ... on OpenChatSessionSuccess { session { id } } } }`

describe('services of others, by their settings', () => {
  let product: Product
  let who: Person
  let engine: FakeService
  let ears: FakeService
  const away = { status: 503, body: 'sk-very-secret' }
  const told: string[] = []

  beforeAll(async () => {
    engine = await FakeService.start()
    ears = await FakeService.start()
    const { silentLog } = await import('../../lib/log.ts')
    const log = silentLog()
    log.warn = ((...said: unknown[]) => told.push(JSON.stringify(said, ownProperties))) as typeof log.warn
    product = await startProduct({
      log,
      env: {
        MNEMOGRAPH_CONTEXT_ENGINE_URL: `${engine.url}/analyze`,
        MNEMOGRAPH_CONTEXT_ENGINE_VERSION: 'topics-2',
        MNEMOGRAPH_CONTEXT_ENGINE_KEY: 'sk-very-secret',
        MNEMOGRAPH_TRANSCRIPT_URL: ears.url,
        MNEMOGRAPH_TRANSCRIPT_MODEL: 'ears-1',
        MNEMOGRAPH_TRANSCRIPT_KEY: 'sk-very-secret',
      },
    })
    who = await product.join()
  })
  afterAll(async () => {
    await product.close()
    await engine[Symbol.asyncDispose]()
    await ears[Symbol.asyncDispose]()
    expect(told.length).toBeGreaterThan(0)
    expect(told.join()).not.toContain('sk-very-secret')
  })
  beforeEach(() => {
    engine.asked.length = 0
    ears.asked.length = 0
    engine.answer = { status: 200, body: '{"result":{"mood":"calm"},"confidence":0.5}' }
    ears.answer = { status: 200, body: '{"text":"The ferry is late."}' }
  })
  const analyze = async (content: string): Promise<Data> => (await who.ask(analysis, { content })).contextAnalysis
  const say = async (sound: string, more: Data = {}): Promise<Data> => {
    const audio = Buffer.from(sound).toString('base64')
    return (await who.ask(speak, { input: { audio, mediaType: 'audio/webm', ...more } })).processVoice
  }

  test('an engine tells what contents are about, once', async () => {
    const first = await analyze('The sea is calm.')
    expect(first).toMatchObject({
      result: { mood: 'calm' },
      confidence: 0.5,
      engineVersion: 'topics-2',
      degraded: [],
    })
    expect(await analyze('The sea is calm.')).toEqual(first)
    expect(engine.asked).toMatchObject([{ path: '/v1/analyze', body: { content: 'The sea is calm.' } }])
  })

  test.each([
    ['is away', away],
    ['says nonsense', { status: 200, body: '{"result":[]}' }],
    ['finds more than is kept', { status: 200, body: `{"result":{"x":"${'x'.repeat(20_000)}"},"confidence":1}` }],
    ['finds what cannot be kept', { status: 200, body: '{"result":{"x":"\\u0000"},"confidence":1}' }],
  ])('while the engine %s words are counted, which is named and not taken for its own', async (why, answer) => {
    const content = `Ferry, ferry: ${why}.`
    engine.answer = answer
    expect(await analyze(content)).toMatchObject({
      result: { topics: expect.arrayContaining(['ferry']) },
      engineVersion: 'offline-1',
      degraded: ['CONTEXT_ENGINE'],
    })
    engine.answer = { status: 200, body: '{"result":{"mood":"calm"},"confidence":0.5}' }
    expect(await analyze(content)).toMatchObject({ engineVersion: 'topics-2', degraded: [] })
  })

  test('a model writes down what was said, once', async () => {
    await who.ask(settings)
    const { openChatSession } = await who.ask(open)
    const said = await say('one', { sessionId: openChatSession.session.id })
    expect(said).toMatchObject({
      added: true,
      degraded: [],
      said: { content: 'The ferry is late.' },
      sample: { status: 'COMPLETED', transcript: 'The ferry is late.', result: { model: 'ears-1' } },
    })
    expect(await say('one')).toMatchObject({ added: false, sample: { id: said.sample.id, logs: { totalCount: 3 } } })
    expect(ears.asked).toHaveLength(1)
    const [
      {
        body: { file, ...form },
      } = { body: {} },
    ] = ears.asked
    expect([form.language, file.name, await file.text()]).toEqual(['de', 'speech.webm', 'one'])
  })

  test('who sends a transcript along asks no model', async () => {
    expect(await say('two', { transcript: 'Mine.' })).toMatchObject({ sample: { transcript: 'Mine.', result: null } })
    expect(ears.asked).toEqual([])
  })

  test('silence is done, without a message', async () => {
    ears.answer = { status: 200, body: '{"text":" "}' }
    const { openChatSession } = await who.ask(open)
    expect(await say('hush', { sessionId: openChatSession.session.id })).toMatchObject({
      said: null,
      sample: { status: 'COMPLETED', transcript: null },
    })
  })

  test('while the model is away a sample waits, which is named, and is written down when it is sent again', async () => {
    ears.answer = away
    const waiting = await say('three')
    expect(waiting).toMatchObject({ added: true, degraded: ['TRANSCRIBER'], said: null, sample: { status: 'PENDING' } })
    ears.answer = { status: 200, body: '{"text":"At last."}' }
    expect(await say('three')).toMatchObject({
      added: false,
      degraded: [],
      sample: { id: waiting.sample.id, status: 'COMPLETED', transcript: 'At last.' },
    })
  })
})

/** Errors with what JSON leaves out. */
function ownProperties(_: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value
  return { ...value, message: value.message, stack: value.stack, cause: value.cause }
}
