import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Documents } from '../../subgraphs/memory/recall/documents.ts'
import { packForward } from '../../subgraphs/memory/recall/forward.ts'
import type { Asked } from '../../subgraphs/memory/recall/port.ts'
import { adjacentPairs } from '../../subgraphs/memory/recall/question.ts'
import { analyze, termsOf, tokenize } from '../../subgraphs/memory/recall/tokens.ts'
import { TRAITS, traitsOf } from '../../subgraphs/memory/recall/traits.ts'
import { rowsOf } from '../kit/memory-index.ts'

const at = new Date('2025-03-12T12:00:00Z')
/** What is read of a text for a question, from where its entry stands among others. */
function entryOf(content: string, asked: Asked) {
  const documents = new Documents(1, asked)
  const entry = packForward(content, at, analyze(content))
  const around = Buffer.alloc(7, 0xff)
  const place = { id: '', session: 0, position: 0, speaker: null }
  documents.add(place, Buffer.concat([around, entry, around]), around.length, around.length + entry.length)
  return rowsOf(documents)[0]
}
const word = fc.constantFrom('apple', 'pear', 'plum', 'of', 'the', 'Ann’s', 'self-made', 'v1.2', '漢字漢字', 'Ünal')
const texts = fc.oneof(
  fc.array(word, { maxLength: 30 }).map((words) => words.join(' ')),
  fc.string({ unit: 'binary' }),
)

describe('an entry of the forward index', () => {
  test('tells of a text what was asked, and nothing else, as the text itself would', () => {
    fc.assert(
      fc.property(texts, texts, (content, question) => {
        const analysis = analyze(content)
        const firsts = (text: string) => tokenize(text).flatMap((token) => termsOf(token.word).slice(0, 1))
        const asked = {
          terms: new Set(analyze(question).terms.keys()),
          pairs: new Set(adjacentPairs(firsts(question))),
        }
        const entry = entryOf(content, asked)
        expect(entry?.terms).toEqual(new Map([...analysis.terms].filter(([term]) => asked.terms.has(term))))
        expect(entry?.length).toBe(analysis.length)
        const there = new Set(adjacentPairs(firsts(content)))
        expect(entry?.pairs).toBe([...asked.pairs].filter((pair) => there.has(pair)).length)
        expect(entry?.traits).toBe(traitsOf(content))
        expect(entry?.occurredAt).toEqual(at)
      }),
      { numRuns: 500 },
    )
  })

  test('knows the name that a text opens with', () => {
    const nameIn = (content: string) => entryOf(content, { terms: new Set(), pairs: new Set() })?.speaker
    expect(nameIn('Ann Lee: hello')).toBe('ann lee')
    expect(nameIn('Élodie: hello')).toBe('elodie')
    expect(nameIn('note: buy milk')).toBeNull()
  })

  test('bears texts that repeat one word without end, and the longest ones', () => {
    const asked = { terms: new Set(['boat', 'w9999']), pairs: new Set(['boat boat']) }
    expect(entryOf('boat '.repeat(13_000), asked)).toMatchObject({
      length: 13_000,
      terms: new Map([['boat', 255]]),
      pairs: 1,
    })
    const many = Array.from({ length: 10_000 }, (_, n) => `w${n}`).join(' ')
    expect(entryOf(many, asked)).toMatchObject({ length: 10_000, terms: new Map([['w9999', 1]]), pairs: 0 })
  })
})

test('traits are told apart', () => {
  const have = (content: string) =>
    Object.entries(TRAITS).flatMap(([name, bit]) => (traitsOf(content) & bit ? name : []))
  expect(have('Wow, you went?')).toEqual(['ASKS', 'ADDRESSES', 'REACTS'])
  expect(have('I was in Berlin last week because of two friends')).toEqual([
    'TELLS',
    'TIME',
    'PLACE',
    'NUMBER',
    'REASON',
  ])
  expect(have('Plain.')).toEqual([])
})
