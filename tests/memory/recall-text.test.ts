import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bm25, inverseFrequency, saturation } from '../../subgraphs/memory/recall/bm25.ts'
import { stem } from '../../subgraphs/memory/recall/stem.ts'
import { analyze, fold, tokenize } from '../../subgraphs/memory/recall/tokens.ts'

describe('the stemmer', () => {
  // From the sample vocabulary on the algorithm's page.
  const published: Record<string, string> = {
    consign: 'consign',
    consigned: 'consign',
    consistency: 'consist',
    consistently: 'consist',
    consolation: 'consol',
    consolingly: 'consol',
    conspiracy: 'conspiraci',
    knightly: 'knight',
    knocked: 'knock',
    kneeling: 'kneel',
    knives: 'knive',
    generously: 'generous',
    dying: 'die',
    hopping: 'hop',
    hoping: 'hope',
    ties: 'tie',
    cries: 'cri',
    gas: 'gas',
    kiwis: 'kiwi',
    agreed: 'agre',
    nationality: 'nation',
    replacement: 'replac',
    skies: 'sky',
    news: 'news',
    succeed: 'succeed',
  }

  test.each(Object.entries(published))('takes %s to %s', (word, expected) => {
    expect(stem(word)).toBe(expected)
  })

  test('brings the forms of a word together and leaves other words alone', () => {
    expect(new Set(['connect', 'connected', 'connecting', 'connection', 'connections'].map(stem)).size).toBe(1)
    for (const word of ['is', 'größe', 'x86', '2023', 'привет']) expect(stem(word)).toBe(word)
  })

  test('never makes a word longer by more than a letter, nor empty', () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz'), minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(letters, (word) => {
        expect(stem(word).length).toBeGreaterThan(0)
        expect(stem(word).length).toBeLessThanOrEqual(word.length + 1)
      }),
    )
  })
})

describe('index terms', () => {
  const terms = (text: string) => [...analyze(text).terms.keys()]

  test('drop stop words and their contractions, and count the rest', () => {
    expect(terms("I don't know what they've done with the it's")).toEqual(['know', 'done'])
    expect(analyze('ship ships, SHIPPED!')).toMatchObject({ terms: new Map([['ship', 3]]), length: 3 })
  })

  test('keep ids, dates, paths and addresses whole as well as in parts', () => {
    expect(terms('gpt-4o')).toEqual(['gpt-4o', 'gpt', '4o'])
    expect(terms('on 2023-05-08')).toEqual(['2023-05-08', '2023', '05', '08'])
    expect(terms('src/config_file.ts')).toContain('src/config_file.ts')
    expect(terms('src/config_file.ts')).toContain('config')
    expect(terms('mail ann@example.org')).toContain('ann@example.org')
    expect(terms('$1,234,567')).toEqual(['1234567'])
  })

  test('find a hyphenated word by its parts and as one word', () => {
    expect(terms('a road-trip')).toEqual(expect.arrayContaining(['road', 'trip', ...terms('roadtrip')]))
  })

  test('treat possessives, accents, width and case as the plain word', () => {
    for (const written of ['Zoë’s', "zoe's", 'ZOE', 'Ｚｏｅ', 'zoé']) expect(terms(written)).toEqual(['zoe'])
  })

  test('cut scripts without spaces into pairs, so that a word inside a sentence is found', () => {
    expect(terms('東京都庁')).toEqual(expect.arrayContaining(terms('東京')))
    expect(terms('हिन्दी')).toEqual([fold('हिन्दी')])
  })

  test('take any text: as many terms as their counts say, none longer than the limit, the same every time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
        const { terms: found, length, words } = analyze(text)
        expect([...found.values()].reduce((sum, count) => sum + count, 0)).toBe(length)
        for (const term of found.keys()) expect(term.length).toBeLessThanOrEqual(64)
        expect(analyze(text)).toEqual({ terms: found, length, words })
        for (const word of words) expect(found.has(word)).toBe(true)
      }),
    )
    expect(terms('x'.repeat(10_000))).toEqual(['x'.repeat(64)])
  })

  test('do not depend on case or surrounding punctuation', () => {
    const word = fc.stringMatching(/^[a-z]{1,12}$/)
    fc.assert(
      fc.property(fc.array(word, { maxLength: 8 }), (words) => {
        expect(terms(`“${words.join(', ').toUpperCase()}!”`)).toEqual(terms(words.join(' ')))
      }),
    )
  })

  test('tell names from words that merely open a sentence', () => {
    const named = (text: string) => tokenize(text).flatMap(({ word, capitalised }) => (capitalised ? [word] : []))
    expect(named('Hello there Bob. My name is Ann, of ACME.')).toEqual(['bob', 'ann', 'acme'])
  })
})

describe('BM25', () => {
  const count = fc.integer({ min: 1, max: 1000 })
  const match = fc
    .record({ count, length: fc.integer({ min: 1, max: 2000 }), documents: fc.integer({ min: 1, max: 1_000_000 }) })
    .chain((base) => fc.integer({ min: 1, max: base.documents }).map((frequency) => ({ ...base, frequency })))
    .map((base) => ({ ...base, averageLength: 50 }))

  test('grows with the count, shrinks with length and commonness, and is never negative', () => {
    fc.assert(
      fc.property(match, (given) => {
        const here = bm25(given)
        expect(here).toBeGreaterThan(0)
        expect(bm25({ ...given, count: given.count + 1 })).toBeGreaterThan(here)
        expect(bm25({ ...given, length: given.length + 10 })).toBeLessThan(here)
        expect(bm25({ ...given, documents: given.documents + 1000 })).toBeGreaterThan(here)
        expect(saturation(given.count, given.length, 50)).toBeLessThan(2.2)
      }),
    )
  })

  test('gives the textbook value', () => {
    expect(inverseFrequency(3, 1)).toBeCloseTo(Math.log(1 + 2.5 / 1.5), 12)
    expect(bm25({ count: 2, length: 10, averageLength: 10, documents: 3, frequency: 1 })).toBeCloseTo(
      Math.log(1 + 2.5 / 1.5) * ((2 * 2.2) / (2 + 1.2)),
      12,
    )
  })
})
