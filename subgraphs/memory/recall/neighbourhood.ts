import type { Documents } from './documents.ts'

/**
 * Which documents stand how near to which: laid out session by session, in the order of their positions, so that the
 * neighbours of each are a run of places. Thousands of documents are laid out for each question: numbers only.
 */
export interface Neighbourhood {
  /** The document at each place. */
  readonly order: Int32Array
  /** The position in its session of the document at each place. */
  readonly positions: Int32Array
  /** For each place the first and the last one within the radius in its session, itself included. */
  readonly first: Int32Array
  readonly last: Int32Array
  /** The place at which each session begins, and behind them the number of places. Whoever is in none stands alone. */
  readonly sessions: readonly number[]
  readonly radius: number
}

export function neighbourhood(documents: Documents, radius: number): Neighbourhood {
  const { count } = documents
  const [order, positions] = [new Int32Array(count), new Int32Array(count)]
  const [first, last] = [new Int32Array(count), new Int32Array(count)]
  const sessions = [0]
  const position = (i: number) => at(documents.positions, i)
  let place = 0
  for (const session of bySession(documents)) {
    session.sort((a, b) => position(a) - position(b))
    for (const document of session) {
      order[place] = document
      positions[place++] = position(document)
    }
    sessions.push(place)
  }
  sessions.forEach((begin, s) => {
    const end = sessions[s + 1] ?? begin
    let [low, high] = [begin, begin]
    for (let p = begin; p < end; p++) {
      while (at(positions, p) - at(positions, low) > radius) low++
      while (high + 1 < end && at(positions, high + 1) - at(positions, p) <= radius) high++
      first[p] = low
      last[p] = high
    }
  })
  return { order, positions, first, last, sessions, radius }
}

function bySession(documents: Documents): number[][] {
  const sessions = new Map<number, number[]>()
  const alone: number[][] = []
  for (let i = 0; i < documents.count; i++) {
    const session = at(documents.sessions, i)
    const others = sessions.get(session)
    if (others) others.push(i)
    else if (session === 0) alone.push([i])
    else sessions.set(session, [i])
  }
  return [...sessions.values(), ...alone]
}

/** What stands at an index that is known to be there. */
const at = (values: Int32Array | Float64Array, i: number): number => values[i] ?? 0

/** How far on either side what stands there counts for a document. */
export type Side = 'BEFORE' | 'AROUND'
const AROUND = 2

/**
 * How well a document and what stands near it cover the question's words together: for each word its best match
 * there, fading with every place away. What a turn leaves out because its neighbour has said it is found by this.
 */
export function coverage(
  around: Neighbourhood,
  side: Side,
  fading: number,
  weights: readonly number[],
  strengths: readonly Float64Array[],
): Float64Array {
  const count = around.order.length
  const sums = new Float64Array(count)
  const best = new Float64Array(count)
  const faded = Float64Array.from({ length: around.radius + 1 }, (_, distance) => fading ** distance)
  strengths.forEach((row, word) => {
    best.fill(0)
    carry(around, side, faded, row, best)
    const weight = weights[word] ?? 0
    for (let i = 0; i < count; i++) sums[i] = at(sums, i) + weight * at(best, i)
  })
  return sums
}

/** Most documents have nothing of a word: each match is carried to its neighbours rather than looked for by them. */
function carry(around: Neighbourhood, side: Side, faded: Float64Array, row: Float64Array, best: Float64Array): void {
  const { order, positions, first, last } = around
  for (let from = 0; from < order.length; from++) {
    const strength = at(row, at(order, from))
    if (strength === 0) continue
    const begin = side === 'BEFORE' ? from : at(first, from)
    for (let to = begin; to <= at(last, from); to++) {
      const distance = Math.abs(at(positions, to) - at(positions, from))
      if (side === 'AROUND' && distance > AROUND) continue
      const carried = strength * at(faded, distance)
      const document = at(order, to)
      if (carried > at(best, document)) best[document] = carried
    }
  }
}

/** The mean of what the documents one and two places away have, on either side. */
export function meanOfNearest({ order, positions, first, last }: Neighbourhood, scores: Float64Array): Float64Array {
  const means = new Float64Array(order.length)
  for (let place = 0; place < order.length; place++) {
    let sum = 0
    for (let other = at(first, place); other <= at(last, place); other++) {
      const distance = Math.abs(at(positions, other) - at(positions, place))
      if (distance === 1 || distance === 2) sum += at(scores, at(order, other))
    }
    means[at(order, place)] = sum / 4
  }
  return means
}

/** For each document what the one just before it has; 0 where none is there. */
export function previous({ order, positions, first }: Neighbourhood, values: Float64Array): Float64Array {
  const before = new Float64Array(order.length)
  for (let place = 0; place < order.length; place++) {
    const other = place - 1
    if (other < at(first, place) || at(positions, place) - at(positions, other) !== 1) continue
    before[at(order, place)] = at(values, at(order, other))
  }
  return before
}

/** How well a document's whole session covers the question's words. */
export function sessionCoverage(
  around: Neighbourhood,
  weights: readonly number[],
  strengths: readonly Float64Array[],
): Float64Array {
  return spread(around, (begin, end) => {
    let sum = 0
    for (const [word, row] of strengths.entries()) {
      let most = 0
      for (let place = begin; place < end; place++) most = Math.max(most, at(row, at(around.order, place)))
      sum += (weights[word] ?? 0) * most
    }
    return sum
  })
}

/** A session's three best documents, the second and third counting half and a quarter. */
export function sessionBest(around: Neighbourhood, scores: Float64Array): Float64Array {
  return spread(around, (begin, end) => {
    let [first, second, third] = [0, 0, 0]
    for (let place = begin; place < end; place++) {
      const score = at(scores, at(around.order, place))
      if (score > first) [first, second, third] = [score, first, second]
      else if (score > second) [second, third] = [score, second]
      else if (score > third) third = score
    }
    return first + second / 2 + third / 4
  })
}

function spread({ order, sessions }: Neighbourhood, score: (begin: number, end: number) => number): Float64Array {
  const values = new Float64Array(order.length)
  sessions.forEach((begin, s) => {
    const end = sessions[s + 1] ?? begin
    if (end === begin) return
    const value = score(begin, end)
    for (let place = begin; place < end; place++) values[at(order, place)] = value
  })
  return values
}
