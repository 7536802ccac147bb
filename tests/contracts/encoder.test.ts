import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import { openWordVectors, packWordVectors } from '../../stores/encoder/word-vectors-file.ts'
import { encoderContract } from './encoder.ts'

const folder = mkdtempSync(join(tmpdir(), 'encoder-'))
afterAll(() => rmSync(folder, { recursive: true }))

const words = ['the', 'ship', 'boat', 'invoice', 'sails']
const vectors = words.map((word, i) => {
  const vector = new Float32Array(100)
  vector[word === 'boat' ? words.indexOf('ship') : i] = 1
  return vector
})
const small = join(folder, 'small.bin')
writeFileSync(small, packWordVectors(words, vectors, 100))

encoderContract('static vectors, a handful of words', {
  open: () => staticVectors(small),
  alike: ['the ship sails', 'the boat sails'],
  other: 'the invoice',
})

encoderContract('static vectors as shipped', {
  open: () => staticVectors(),
  alike: ['My daughter started at a new school in September.', 'Our kid goes to another class since the autumn.'],
  other: 'The database migration failed on a missing index.',
})

describe('the thesaurus', () => {
  test('gives the words used alike, nearest first, without the word itself, the same when asked again', async () => {
    const thesaurus = staticVectors()
    const [kitten, unknown, again] = await thesaurus.related(['kitten', 'zzqx1f9a', 'kitten'])
    expect([...(kitten?.keys() ?? [])]).toEqual(expect.arrayContaining(['puppy', 'puppies']))
    expect([...(kitten?.keys() ?? [])]).not.toContain('kitten')
    const cosines = [...(kitten?.values() ?? [])]
    expect(cosines).toEqual([...cosines].sort((a, b) => b - a))
    expect(Math.max(...cosines)).toBeLessThanOrEqual(1)
    expect(unknown).toEqual(new Map())
    expect(again).toEqual(kitten)
    expect(await thesaurus.related(['kitten'])).toEqual([kitten])
    expect(await thesaurus.related([])).toEqual([])
    await thesaurus.close()
    await expect(thesaurus.related(['puppy'])).rejects.toThrow('closed')
  })
})

describe('a word that the vectors do not know', () => {
  test('is near to what is spelt alike, and a stray letter changes nothing', async () => {
    const encoder = staticVectors()
    const [word, alike, other] = await encoder.encode(['flurbelmonster', 'flurbelmonsters', 'gnatzipickle'])
    const dot = (a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()) =>
      a.reduce((sum, x, i) => sum + x * (b[i] ?? 0), 0)
    expect(dot(word, alike)).toBeGreaterThan(0.7)
    expect(dot(word, other)).toBeLessThan(0.5)
    const [plain, stray] = await encoder.encode(['ship sails', 'ship s sails'])
    expect(stray).toEqual(plain)
    await encoder.close()
  })
})

describe('the word-vector file', () => {
  const word = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  const component = fc.float({ min: -8, max: 8, noNaN: true, noDefaultInfinity: true })

  test('gives back every word and its components to within an eight-bit step', () => {
    const entries = fc.uniqueArray(fc.record({ word, vector: fc.array(component, { minLength: 4, maxLength: 4 }) }), {
      selector: (entry) => entry.word,
      minLength: 1,
      maxLength: 50,
    })
    fc.assert(
      fc.property(entries, (list) => {
        const packed = packWordVectors(
          list.map((entry) => entry.word),
          list.map((entry) => Float32Array.from(entry.vector)),
          4,
        )
        const opened = openWordVectors(packed)
        list.forEach((entry, i) => {
          expect(opened.find(entry.word)).toBe(i)
          const sum = new Float32Array(4)
          opened.addTo(sum, i, 1)
          const step = Math.max(...entry.vector.map(Math.abs)) / 127
          entry.vector.forEach((value, d) => {
            expect(Math.abs(value - (sum[d] ?? 0))).toBeLessThanOrEqual(step / 2 + 1e-6)
          })
        })
        expect(opened.find('a word that is not in the list at all')).toBe(-1)
      }),
    )
  })

  test('of another kind is refused, and the encoder names the cure', async () => {
    expect(() => openWordVectors(Buffer.alloc(64))).toThrow('not a word-vector file')
    const encoder = staticVectors(join(folder, 'missing.bin'))
    await expect(encoder.encode(['x'])).rejects.toThrow('npm run prepare')
    await encoder.close()
  })
})
