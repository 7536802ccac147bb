import { analyze } from '../recall/tokens.ts'
import type { ChatMode } from '../records.ts'

/** A decision that was made before, as far as others are compared with it. */
export interface PastDecision {
  readonly id: string
  readonly terms: readonly string[]
  readonly tools: readonly string[]
  readonly mode: ChatMode
  readonly success: boolean
}

export interface Neighbour {
  readonly past: PastDecision
  /** The cosine of both requests' terms, each weighed by how rare it is. */
  readonly similarity: number
}

/** So many terms of a request are compared; a longer one has told what it is about. */
const mostTerms = 256
/** How many of the most alike count. */
const mostNeighbours = 30

/** What a request is compared by: its words, and what the session did last. The arrow is in no word. */
export function termsOfRequest(request: string, lastTools: readonly string[]): string[] {
  const words = [...analyze(request).terms.keys()].slice(0, mostTerms)
  return [...words, ...new Set(lastTools.map((tool) => `→${tool}`))]
}

/** The decisions for the most similar requests, the most alike first. */
export function neighboursOf(terms: readonly string[], past: readonly PastDecision[]): Neighbour[] {
  const frequency = new Map<string, number>()
  for (const { terms } of past) for (const term of terms) frequency.set(term, (frequency.get(term) ?? 0) + 1)
  const weightOf = (term: string) => {
    const found = frequency.get(term) ?? 0
    return Math.log(1 + (past.length - found + 0.5) / (found + 0.5)) ** 2
  }
  const lengthOf = (list: readonly string[]) => Math.sqrt(list.reduce((sum, term) => sum + weightOf(term), 0))
  const asked = new Map(terms.map((term) => [term, weightOf(term)]))
  const length = lengthOf(terms)
  return past
    .map((decision) => {
      const shared = decision.terms.reduce((sum, term) => sum + (asked.get(term) ?? 0), 0)
      return { past: decision, similarity: shared === 0 ? 0 : shared / (length * lengthOf(decision.terms)) }
    })
    .filter(({ similarity }) => similarity > 0)
    .sort((a, b) => b.similarity - a.similarity)
    .slice(0, mostNeighbours)
}
