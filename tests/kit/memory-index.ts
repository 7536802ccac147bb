import { inverseFrequency, saturation } from '../../subgraphs/memory/recall/bm25.ts'
import type { RecallDocument, RecallIndex, Scored } from '../../subgraphs/memory/recall/port.ts'
import { analyze } from '../../subgraphs/memory/recall/tokens.ts'

export type MemoryFixture = Partial<Omit<RecallDocument, 'terms' | 'length'>> & Pick<RecallDocument, 'id' | 'content'>

/** The document that a store would keep for a memory. */
export function recallDocument(memory: MemoryFixture): RecallDocument {
  const { terms, length } = analyze(memory.content)
  return {
    sessionId: null,
    position: 0,
    occurredAt: new Date(0),
    speaker: null,
    terms,
    length,
    ...memory,
  }
}

/** A fake: one owner's memories in plain arrays, every search exact. */
export function memoryIndex(
  documents: readonly RecallDocument[],
  vectors: ReadonlyMap<string, Float32Array> = new Map(),
): RecallIndex {
  const lengths = documents.map(({ terms }) => [...terms.values()].reduce((sum, count) => sum + count, 0))
  const averageLength = lengths.reduce((sum, length) => sum + length, 0) / (documents.length || 1)
  const postings = new Map<string, number[]>()
  documents.forEach(({ terms }, i) => {
    for (const term of terms.keys()) postings.set(term, [...(postings.get(term) ?? []), i])
  })
  const byId = new Map(documents.map((document) => [document.id, document]))

  return {
    async search(boosts, limit) {
      const sums = new Map<string, number>()
      const frequencies = new Map<string, number>()
      for (const [term, boost] of boosts) {
        const found = postings.get(term) ?? []
        frequencies.set(term, found.length)
        const rarity = inverseFrequency(documents.length, found.length)
        for (const i of found) {
          const document = documents[i] as RecallDocument
          const strength = saturation(document.terms.get(term) ?? 0, lengths[i] ?? 0, averageLength)
          sums.set(document.id, (sums.get(document.id) ?? 0) + boost * rarity * strength)
        }
      }
      return { hits: best(sums, limit), documents: documents.length, averageLength, frequencies }
    },
    async nearest(vector, limit) {
      const cosines = [...vectors].map(([id, other]): [string, number] => [id, dot(vector, other)])
      return best(new Map(cosines), limit)
    },
    async context(ids, radius, terms) {
      const asked = ids.flatMap((id) => byId.get(id) ?? [])
      const isNear = (document: RecallDocument) =>
        asked.some(
          ({ id, sessionId, position }) =>
            id === document.id ||
            (sessionId !== null &&
              sessionId === document.sessionId &&
              Math.abs(position - document.position) <= radius),
        )
      const told = ({ terms: all }: RecallDocument) => new Map([...all].filter(([term]) => terms.has(term)))
      return documents.filter(isNear).map((document) => ({ ...document, terms: told(document) }))
    },
  }
}

function best(scores: ReadonlyMap<string, number>, limit: number): Scored[] {
  const list = [...scores].map(([id, score]) => ({ id, score }))
  return list.sort((a, b) => b.score - a.score).slice(0, limit)
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
