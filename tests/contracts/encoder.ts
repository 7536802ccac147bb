import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Encoder } from '../../stores/encoder/port.ts'

export interface EncoderWorld {
  open(): Encoder
  /** Two texts that mean nearly the same, and one about something else, in words that the encoder knows. */
  readonly alike: readonly [string, string]
  readonly other: string
}

/** What every encoder must do, whatever its model. */
export function encoderContract(name: string, world: EncoderWorld): void {
  describe(`encoder: ${name}`, () => {
    let encoder: Encoder
    beforeAll(() => {
      encoder = world.open()
    })
    afterAll(() => encoder.close())

    const awkward = ['', ' ', '…', 'zzqx-1f9a', '東京都', '👩‍🚀', 'a'.repeat(100_000), "it's\u0000odd"]

    test('gives one vector of length one for each text, in order, whatever the text', async () => {
      const vectors = await encoder.encode([...awkward, ...world.alike])
      expect(vectors).toHaveLength(awkward.length + 2)
      for (const vector of vectors) {
        expect(vector).toHaveLength(encoder.dimensions)
        expect(Math.hypot(...vector)).toBeCloseTo(1, 5)
      }
      const [first] = await encoder.encode([world.alike[0]])
      expect(vectors[awkward.length]).toEqual(first)
    })

    test('gives the same vector for the same text, alone, in company and from another encoder', async () => {
      const [alone] = await encoder.encode([world.other])
      const company = await encoder.encode([...awkward, world.other])
      expect(company.at(-1)).toEqual(alone)
      const second = world.open()
      try {
        expect(second.model).toBe(encoder.model)
        expect((await second.encode([world.other]))[0]).toEqual(alone)
      } finally {
        await second.close()
      }
    })

    test('sets texts that mean the same closer together than texts that do not', async () => {
      const [a, b, other] = await encoder.encode([...world.alike, world.other])
      expect(cosine(a, b)).toBeGreaterThan(cosine(a, other))
      expect(cosine(a, b)).toBeGreaterThan(cosine(b, other))
    })

    test('answers nothing with nothing', async () => {
      expect(await encoder.encode([])).toEqual([])
    })

    test('keeps requests apart that run at the same time', async () => {
      const texts = Array.from({ length: 20 }, (_, i) => `${world.alike[i % 2]} ${world.other.slice(0, i)}`)
      const together = await Promise.all(texts.map((text) => encoder.encode([text])))
      expect(together.map(([vector]) => vector)).toEqual(await encoder.encode(texts))
    })

    test('rejects with the reason of its signal, before and while it works, and goes on after', async () => {
      const reason = new Error('no longer wanted')
      await expect(encoder.encode([world.other], AbortSignal.abort(reason))).rejects.toBe(reason)
      const controller = new AbortController()
      const pending = encoder.encode([world.other], controller.signal)
      controller.abort(reason)
      await expect(pending).rejects.toBe(reason)
      expect(await encoder.encode([world.other])).toHaveLength(1)
    })

    test('rejects what is asked of it once it is closed, and closes twice', async () => {
      const closing = world.open()
      const pending = closing.encode([world.other])
      const settled = expect(pending).rejects.toThrow('closed')
      await closing.close()
      await settled
      await closing.close()
      await expect(closing.encode([world.other])).rejects.toThrow('closed')
    })
  })
}

function cosine(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}
