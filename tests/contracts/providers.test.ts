import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { remoteEngine } from '../../stores/context-engine/remote.ts'
import { type ProviderAddress, provider } from '../../stores/provider.ts'
import { openAiCompatible } from '../../stores/summarizer/openai-compatible.ts'
import { openAiTranscriber } from '../../stores/transcriber/openai-compatible.ts'
import { QdrantClient } from '../../stores/vector/qdrant-client.ts'
import { completion, FakeService } from '../kit/fake-service.ts'

interface Kind {
  /** Asks the provider for something. */
  ask(address: ProviderAddress, signal: AbortSignal): Promise<unknown>
  readonly path: string
  /** An answer, and what is made of it. */
  readonly answer: string
  readonly made: unknown
}

const recording = { bytes: Buffer.from('sound'), mediaType: 'audio/x-wav', language: 'pt-BR' }
const kinds: Record<string, Kind> = {
  summaries: {
    ask: (address, signal) =>
      openAiCompatible({ ...address, model: 'm' }).summarize(
        [{ role: 'USER', content: 'Is it late?' }],
        { characters: 100, topics: 1 },
        signal,
      ),
    path: '/v1/chat/completions',
    answer: completion('{"summary":"It is late.","topics":["delay"]}'),
    made: { text: 'It is late.', keyTopics: ['delay'] },
  },
  'context analyses': {
    ask: (address, signal) => remoteEngine({ ...address, version: 'topics-2' }).analyze('Is it late?', signal),
    path: '/v1',
    answer: '{"result":{"mood":"calm"},"confidence":0.5}',
    made: { result: { mood: 'calm' }, confidence: 0.5 },
  },
  transcripts: {
    ask: (address, signal) => openAiTranscriber({ ...address, model: 'ears' }).transcribe(recording, signal),
    path: '/v1/audio/transcriptions',
    answer: '{"text":" Is it\\u0000 late? "}',
    made: 'Is it late?',
  },
}

const service: FakeService = await FakeService.start()
afterAll(() => service[Symbol.asyncDispose]())
const key = 'sk-very-secret'
const signal = () => new AbortController().signal

describe.each(Object.entries(kinds))('a provider of %s (a fake of one)', (_, { ask, path, answer, made }) => {
  beforeEach(() => {
    service.asked.length = 0
    service.answer = { status: 200, body: answer }
  })
  const address = (given?: string) => ({ url: service.url, key: given })

  test('is asked with its key, if there is one', async () => {
    expect(await ask(address(key), signal())).toEqual(made)
    expect(await ask(address(), signal())).toEqual(made)
    expect(service.asked).toMatchObject([
      { path, authorization: `Bearer ${key}` },
      { path, authorization: undefined },
    ])
  })

  test.each([
    ['a failure', { status: 500, body: `Incorrect key: ${key}` }],
    ['no JSON', { status: 200, body: key }],
    ['something else', { status: 200, body: JSON.stringify({ error: key }) }],
    ['more than it can mean', { status: 200, body: JSON.stringify({ text: key, more: 'x'.repeat(300_000) }) }],
    ['another address', { status: 307, body: '', location: '/elsewhere' }],
  ])('that answers %s is refused, without its words', async (_, wrong) => {
    service.answer = wrong
    const error = await ask(address(key), signal()).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    const { stack, cause, message } = error as Error
    expect(`${message} ${stack} ${String(cause)} ${JSON.stringify(error)}`).not.toContain('secret')
    // A redirect would take the key and what is asked elsewhere.
    expect(service.asked.map((asked) => asked.path)).toEqual([path])
  })

  test('is left alone when nobody waits any more', async () => {
    await expect(ask(address(), AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
    expect(service.asked).toEqual([])
    service.answer = null
    const leaving = new AbortController()
    const asking = expect(ask(address(), leaving.signal)).rejects.toThrow('left')
    await expect.poll(() => service.asked.length).toBe(1)
    leaving.abort(new Error('left'))
    await asking
  })
})

describe('the way to a provider', () => {
  beforeEach(() => {
    service.asked.length = 0
    service.answer = { status: 200, body: '{}' }
  })
  const way = (limits = {}) =>
    provider('things', { url: service.url, key: undefined }, { ms: 10_000, bytes: 1000, ...limits })

  test('ends when an answer takes too long', async () => {
    service.answer = null
    await expect(way({ ms: 50 })('{}', signal())).rejects.toThrow('timeout')
  })

  test('is closed for a while when the provider has failed in a row, and not when clients have left', async () => {
    const ask = way()
    service.answer = null
    for (let n = 1; n <= 6; n++) {
      const leaving = new AbortController()
      const asking = expect(ask('{}', leaving.signal)).rejects.toThrow('left')
      await expect.poll(() => service.asked.length).toBe(n)
      leaving.abort(new Error('left'))
      await asking
    }
    service.answer = { status: 503, body: '' }
    for (let n = 0; n < 5; n++) await expect(ask('{}', signal())).rejects.toThrow('answered 503')
    await expect(ask('{}', signal())).rejects.toThrow('breaker is open')
    expect(service.asked).toHaveLength(11)
  })
})

test('Qdrant is not heard to the end of what is no page', async () => {
  const client = new QdrantClient({ url: service.url })
  service.answer = { status: 200, body: JSON.stringify({ result: 'x'.repeat(34_000_000) }) }
  await expect(client.read('POST', '/collections/x/points/scroll', {})).rejects.toThrow('Qdrant answered more than')
  await client.close()
})

test('a recording is sent as a file of its kind, with its language', async () => {
  service.asked.length = 0
  service.answer = { status: 200, body: '{"text":""}' }
  const { transcribe } = openAiTranscriber({ url: service.url, key: undefined, model: 'ears' })
  expect(await transcribe(recording, signal())).toBe('')
  await transcribe({ ...recording, mediaType: 'audio/mpeg', language: null }, signal())
  const [wav, mp3] = service.asked.map(({ body }) => body)
  expect(wav).toMatchObject({ model: 'ears', response_format: 'json', language: 'pt' })
  expect([wav.file.name, wav.file.type, await wav.file.text()]).toEqual(['speech.wav', 'audio/x-wav', 'sound'])
  expect([mp3.file.name, mp3.language]).toEqual(['speech.mp3', undefined])
})
