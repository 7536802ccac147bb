import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openAiCompatible } from '../../stores/summarizer/openai-compatible.ts'
import { completion, FakeService } from '../kit/fake-service.ts'

const said = [
  { role: 'USER', content: 'Is the ferry late?' },
  { role: 'ASSISTANT', content: 'By an hour.' },
] as const
const bounds = { characters: 100, topics: 2 }
const signal = () => new AbortController().signal

describe('a model behind the Chat Completions API (a fake of one)', () => {
  let provider: FakeService
  beforeAll(async () => {
    provider = await FakeService.start()
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
    ['a completion without a summary', completion('{"topics":[]}')],
    ['a completion that is no JSON', completion('The ferry has a secret.')],
  ])('that answers %s is refused, without its words', async (_, body) => {
    answers(200, body)
    const error = await ask().catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(Error)
    expect(String(error)).not.toContain('secret')
  })
})
