import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAiCompatible } from '../../stores/summarizer/openai-compatible.ts'
import { completion, type FakeProvider, startFakeProvider } from '../kit/fake-summary-provider.ts'

const said = [
  { role: 'USER', content: 'Is the ferry late?' },
  { role: 'ASSISTANT', content: 'By an hour.' },
] as const
const bounds = { characters: 100, topics: 2 }
const signal = () => new AbortController().signal

describe('a model behind the Chat Completions API (a fake of one)', () => {
  let provider: FakeProvider
  beforeAll(async () => {
    provider = await startFakeProvider()
  })
  afterAll(() => provider[Symbol.asyncDispose]())

  const ask = (key?: string) =>
    openAiCompatible({ url: `${provider.url}/`, key, model: 'small-1' }).summarize(said, bounds, signal())
  const answers = (status: number, body: string) => {
    provider.asked.length = 0
    provider.answer = { status, body }
  }

  test('is asked for JSON about the talk, with its key', async () => {
    answers(200, completion('{"summary":"The ferry is late.","topics":["ferry","delay","more"]}'))
    expect(await ask('secret')).toEqual({ text: 'The ferry is late.', keyTopics: ['ferry', 'delay'] })
    const [{ path, authorization, body } = {} as never] = provider.asked
    expect({ path, authorization }).toEqual({ path: '/v1/chat/completions', authorization: 'Bearer secret' })
    expect(body).toMatchObject({ model: 'small-1', response_format: { type: 'json_object' } })
    expect(body.messages[1]).toEqual({ role: 'user', content: 'USER: Is the ferry late?\nASSISTANT: By an hour.' })
    await ask()
    expect(provider.asked[1]?.authorization).toBeUndefined()
  })

  test('is held to the bounds, and to what can be kept', async () => {
    answers(200, completion(JSON.stringify({ summary: `a\u0000${'é'.repeat(200)}`, topics: ['t'.repeat(200)] })))
    const { text, keyTopics } = await ask()
    expect(text).toBe(`a${'é'.repeat(99)}`)
    expect(keyTopics).toEqual(['t'.repeat(100)])
  })

  test.each([
    ['a failure', 500, 'secret in the answer'],
    ['no JSON', 200, 'hello'],
    ['a completion without a summary', 200, completion('{"topics":[]}')],
    ['a completion that is no JSON', 200, completion('The ferry is late.')],
    ['more than can be a summary', 200, completion('x'.repeat(300_000))],
  ])('that answers %s is refused, without its words', async (_, status, body) => {
    answers(status, body)
    const error = await ask().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).not.toContain('secret')
  })

  test('is left alone when nobody waits any more', async () => {
    const model = openAiCompatible({ url: provider.url, key: undefined, model: 'small-1' })
    await expect(model.summarize(said, bounds, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone')
  })
})
