import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { remoteEncoder } from '../../stores/encoder/remote.ts'
import { FakeProvider } from '../kit/fake-provider.ts'
import { encoderContract } from './encoder.ts'

const provider = await FakeProvider.start()
afterAll(() => provider[Symbol.asyncDispose]())
const open = (more = {}) =>
  remoteEncoder({ url: provider.url, key: 'sk-very-secret', model: 'small', dimensions: 1536, ...more })

encoderContract('a provider’s, on a fake of one', {
  open,
  alike: ['the ship sails at noon', 'the ship sails at night'],
  other: 'an invoice came',
})

describe('a provider’s encoder', () => {
  let encoder: ReturnType<typeof open>
  beforeAll(() => {
    encoder = open()
  })
  beforeEach(() => {
    provider.asked.length = 0
    provider.refusals.length = 0
    provider.gate = async () => {}
    provider.dimensions = 1536
  })
  afterAll(() => encoder.close())

  test('asks in batches that a provider takes, with its key and model', async () => {
    const vectors = await encoder.encode(Array.from({ length: 300 }, (_, i) => `text ${i}`))
    expect(vectors).toHaveLength(300)
    expect(provider.asked.map(({ input }) => input.length)).toEqual([128, 128, 44])
    expect(provider.asked[0]).toMatchObject({ path: '/v1/embeddings', model: 'small' })
    expect(provider.asked[0]?.headers.authorization).toBe('Bearer sk-very-secret')
    provider.asked.length = 0
    await encoder.encode(['x'.repeat(90_000), ...Array.from({ length: 11 }, () => 'y'.repeat(24_000)), ''])
    for (const { input } of provider.asked) {
      expect(input.join('').length).toBeLessThanOrEqual(200_000)
      for (const text of input) expect(text.length).toBeGreaterThan(0)
    }
    expect(provider.asked.length).toBe(2)
  })

  test('tries a batch again that the provider was too busy for, and a question not', async () => {
    provider.refusals.push(429, 503)
    expect(await encoder.encode(['one', 'two'])).toHaveLength(2)
    expect(provider.asked).toHaveLength(3)
    provider.refusals.push(503)
    await expect(encoder.encode(['a question'])).rejects.toThrow('answered 503')
    expect(provider.asked).toHaveLength(4)
  })

  test('says what was refused without the provider’s words, which may hold the key', async () => {
    provider.refusals.push(401)
    const error = await encoder.encode(['one', 'two']).catch((reason: unknown) => reason)
    expect(String(error)).toBe('EncoderError: the encoder’s provider answered 401'.replace('’', "'"))
    expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain('secret')
    expect(provider.asked).toHaveLength(1)
  })

  test('cuts longer vectors to its length, and refuses shorter ones', async () => {
    provider.dimensions = 2000
    const [vector] = await encoder.encode(['the ship sails'])
    expect(vector).toHaveLength(1536)
    expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5)
    provider.dimensions = 8
    await expect(encoder.encode(['short'])).rejects.toThrow('8 numbers, not 1536')
  })

  test('does not read on when the provider says more than vectors are', async () => {
    provider.dimensions = 200_000
    await expect(encoder.encode(['a question'])).rejects.toThrow('answered more than 262144 bytes')
  })

  test('gives up at once while the provider keeps failing', async () => {
    const other = open()
    provider.refusals.push(...Array.from({ length: 5 }, () => 500))
    for (let n = 0; n < 5; n++) await expect(other.encode(['q'])).rejects.toThrow('answered 500')
    await expect(other.encode(['q'])).rejects.toThrow('breaker is open')
    expect(provider.asked).toHaveLength(5)
    await other.close()
  })
})
