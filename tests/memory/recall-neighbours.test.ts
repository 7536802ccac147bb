import { describe, expect, test } from 'vitest'
import {
  coverage,
  meanOfNearest,
  neighbourhood,
  previous,
  sessionBest,
  sessionCoverage,
} from '../../subgraphs/memory/recall/neighbourhood.ts'
import { type MemoryFixture, recallDocuments } from '../kit/memory-index.ts'

const at = (sessionId: string | null, position: number): MemoryFixture => {
  return { id: `${sessionId}.${position}`, content: '', sessionId, position }
}

/** Out of order on purpose: session a holds places 0, 1, 2 and 5, session b place 1, and one memory has none. */
const documents = recallDocuments(at('a', 2), at('b', 1), at('a', 0), at('a', 5), at('a', 1), at(null, 1))
const places = neighbourhood(documents, 2)
const weights = [0.75, 0.25]
/** The first word is said at a.0 only, the second at a.2 and in b. */
const strengths = [Float64Array.of(0, 0, 1, 0, 0, 0), Float64Array.of(1, 1, 0, 0, 0, 0)]

describe('neighbours', () => {
  test('are the memories of the same session within the radius', () => {
    const near: number[][][] = documents.ids.map(() => [])
    places.order.forEach((document, place) => {
      for (let p = places.first[place] as number; p <= (places.last[place] as number); p++) {
        near[document]?.push([
          places.order[p] as number,
          (places.positions[p] as number) - (places.positions[place] as number),
        ])
      }
      near[document]?.sort()
    })
    const expected = [
      [
        [0, 0],
        [2, -2],
        [4, -1],
      ],
      [[1, 0]],
      [
        [0, 2],
        [2, 0],
        [4, 1],
      ],
      [[3, 0]],
      [
        [0, 1],
        [2, -1],
        [4, 0],
      ],
      [[5, 0]],
    ]
    expect(near).toEqual(expected)
  })

  test('before a memory lend it their matches, each fading with its distance', () => {
    const covered = coverage(places, 'BEFORE', 0.5, weights, strengths)
    expect([...covered]).toEqual([0.75 * 0.25 + 0.25, 0.25, 0.75, 0, 0.75 * 0.5, 0])
  })

  test('on both sides do so as well', () => {
    const covered = coverage(places, 'AROUND', 0.5, weights, strengths)
    expect([...covered]).toEqual([0.75 * 0.25 + 0.25, 0.25, 0.75 + 0.25 * 0.25, 0, 0.75 * 0.5 + 0.25 * 0.5, 0])
  })

  test('lend the mean of what they have, and what the one just before has', () => {
    const scores = Float64Array.of(8, 3, 4, 2, 1, 5)
    expect([...meanOfNearest(places, scores)]).toEqual([1.25, 0, 2.25, 0, 3, 0])
    expect([...previous(places, scores)]).toEqual([1, 0, 0, 0, 4, 0])
  })

  test('in one session share its coverage and its best scores', () => {
    expect([...sessionCoverage(places, weights, strengths)]).toEqual([1, 0.25, 1, 1, 1, 0])
    const best = sessionBest(places, Float64Array.of(8, 3, 4, 2, 1, 5))
    expect([...best]).toEqual([10.5, 3, 10.5, 10.5, 10.5, 5])
  })
})
