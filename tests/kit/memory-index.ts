import { inverseFrequency, saturation } from '../../subgraphs/memory/recall/bm25.ts'
import { Documents } from '../../subgraphs/memory/recall/documents.ts'
import { packForward } from '../../subgraphs/memory/recall/forward.ts'
import { foldName } from '../../subgraphs/memory/recall/participants.ts'
import type { Asked, RecallIndex, Scored } from '../../subgraphs/memory/recall/port.ts'
import { analyze } from '../../subgraphs/memory/recall/tokens.ts'

/** A memory as a store would be given it. */
export interface MemoryFixture {
  readonly id: string
  readonly content: string
  readonly sessionId?: string | null
  readonly position?: number
  readonly occurredAt?: Date
  readonly speaker?: string | null
}

/** A memory as a store would keep it. */
export function storedMemory(memory: MemoryFixture) {
  const { content, occurredAt = new Date(0), sessionId = null, position = 0, speaker = null } = memory
  const analysis = analyze(content)
  const forward = packForward(content, occurredAt, analysis)
  return { id: memory.id, sessionId, position, speaker, forward, ...analysis }
}

export type StoredMemory = ReturnType<typeof storedMemory>

/** The documents that a store would tell of memories to a question that asks for nothing. */
export function recallDocuments(...memories: readonly MemoryFixture[]): Documents {
  return told(memories.map(storedMemory), { terms: new Set(), pairs: new Set() })
}

function told(memories: readonly StoredMemory[], asked: Asked): Documents {
  const documents = new Documents(memories.length, asked)
  for (const { id, sessionId, position, speaker, forward } of memories) {
    const session = sessionId === null ? 0 : numberOf(sessionId)
    documents.add({ id, session, position, speaker: speaker ? foldName(speaker) : null }, forward)
  }
  return documents
}

/** What documents tell, one by one. */
export function rowsOf(documents: Documents) {
  const terms = [...documents.asked.keys()]
  return documents.ids.map((id, i) => {
    const places = documents.terms.map((_, place) => place).slice(documents.starts[i], documents.starts[i + 1])
    return {
      id,
      session: documents.sessions[i],
      position: documents.positions[i],
      occurredAt: new Date(documents.times[i] ?? Number.NaN),
      speaker: documents.names[documents.speakers[i] ?? -1] ?? null,
      traits: documents.traits[i],
      length: documents.lengths[i],
      terms: new Map(places.map((place) => [terms[documents.terms[place] ?? -1], documents.counts[place]])),
      pairs: documents.pairs[i],
    }
  })
}

const sessions = new Map<string, number>()
function numberOf(session: string): number {
  const number = sessions.get(session) ?? sessions.size + 1
  sessions.set(session, number)
  return number
}

/** A fake: one owner's memories in plain arrays, every search exact. */
export function memoryIndex(
  documents: readonly StoredMemory[],
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
          const document = documents[i] as StoredMemory
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
    async context(ids, radius, asked) {
      const hits = ids.flatMap((id) => byId.get(id) ?? [])
      const isNear = (memory: StoredMemory) =>
        hits.some(
          ({ id, sessionId, position }) =>
            id === memory.id ||
            (sessionId !== null && sessionId === memory.sessionId && Math.abs(position - memory.position) <= radius),
        )
      return told(documents.filter(isNear), asked)
    },
  }
}

function best(scores: ReadonlyMap<string, number>, limit: number): Scored[] {
  const list = [...scores].map(([id, score]) => ({ id, score }))
  return list.sort((a, b) => b.score - a.score).slice(0, limit)
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
