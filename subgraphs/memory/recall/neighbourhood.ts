import type { RecallDocument } from './port.ts'

/** Which documents stand how near to which: the sessions of a set of documents, laid out in order. */
export interface Neighbourhood {
  /** The documents of each session, as indexes in order of position; those outside any session stand alone. */
  readonly sessions: readonly (readonly number[])[]
  /** For each document, those up to `radius` places away in its session, itself included, nearest places first. */
  readonly near: readonly (readonly Near[])[]
}

export interface Near {
  readonly document: number
  /** Places after the document (negative: before it). */
  readonly offset: number
}

export function neighbourhood(documents: readonly RecallDocument[], radius: number): Neighbourhood {
  const bySession = new Map<string, number[]>()
  documents.forEach((document, i) => {
    const key = document.sessionId ?? `memory ${document.id}`
    const session = bySession.get(key)
    if (session) session.push(i)
    else bySession.set(key, [i])
  })
  const near: Near[][] = documents.map(() => [])
  const position = (i: number) => documents[i]?.position ?? 0
  for (const session of bySession.values()) {
    session.sort((a, b) => position(a) - position(b))
    session.forEach((i, place) => {
      for (let p = place; p >= 0 && position(i) - position(session[p] ?? i) <= radius; p--) add(i, session[p] ?? i)
      for (let p = place + 1; p < session.length && position(session[p] ?? i) - position(i) <= radius; p++) {
        add(i, session[p] ?? i)
      }
    })
  }
  return { sessions: [...bySession.values()], near }

  function add(i: number, document: number): void {
    near[i]?.push({ document, offset: position(document) - position(i) })
  }
}

export type Side = 'BEFORE' | 'AROUND'

/** Whether what lies this many places after a document counts for it. */
const REACH: Record<Side, (offset: number) => boolean> = {
  BEFORE: (offset) => offset <= 0,
  AROUND: (offset) => Math.abs(offset) <= 2,
}

/**
 * How well a document and what stands near it cover the question's words together: for each word its best match
 * there, fading with every place away. What a turn leaves out because its neighbour has said it is found by this.
 */
export function coverage(
  { near }: Neighbourhood,
  side: Side,
  fading: number,
  weights: readonly number[],
  strengths: readonly Float64Array[],
): Float64Array {
  const reaches = REACH[side]
  const sums = new Float64Array(near.length)
  strengths.forEach((row, word) => {
    const best = new Float64Array(near.length)
    // Most documents have nothing of a word: each match is carried to its neighbours rather than looked for by them.
    row.forEach((strength, from) => {
      if (strength === 0) return
      for (const { document, offset } of near[from] ?? []) {
        if (!reaches(-offset)) continue
        const carried = strength * fading ** Math.abs(offset)
        if (carried > (best[document] ?? 0)) best[document] = carried
      }
    })
    const weight = weights[word] ?? 0
    for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) + weight * (best[i] ?? 0)
  })
  return sums
}

/** How well a document's whole session covers the question's words. */
export function sessionCoverage(
  { sessions }: Neighbourhood,
  weights: readonly number[],
  strengths: readonly Float64Array[],
): Float64Array {
  return spread(sessions, (session) => {
    let sum = 0
    for (const [word, row] of strengths.entries()) {
      sum += (weights[word] ?? 0) * Math.max(...session.map((i) => row[i] ?? 0))
    }
    return sum
  })
}

/** A session's three best documents, the second and third counting half and a quarter. */
export function sessionBest({ sessions }: Neighbourhood, scores: Float64Array): Float64Array {
  return spread(sessions, (session) => {
    const [first = 0, second = 0, third = 0] = session.map((i) => scores[i] ?? 0).sort((a, b) => b - a)
    return first + second / 2 + third / 4
  })
}

function spread(sessions: Neighbourhood['sessions'], score: (session: readonly number[]) => number): Float64Array {
  const values = new Float64Array(sessions.reduce((sum, session) => sum + session.length, 0))
  for (const session of sessions) {
    const value = score(session)
    for (const i of session) values[i] = value
  }
  return values
}
