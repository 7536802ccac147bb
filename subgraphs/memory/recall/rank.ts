import { Documents } from './documents.ts'
import type { Related } from './matches.ts'
import type { Asked, RecallIndex, Scored, TextAnswer } from './port.ts'
import type { Question } from './question.ts'
import { measure, type SignalTable } from './signals.ts'
import { DEFAULT_SETTINGS, type Part, type RecallSettings, SIGNAL_PARTS, SIGNALS, type Signal } from './weights.ts'

/** One memory found, and what its score is made of: the parts sum to the score. */
export interface RecallHit {
  readonly id: string
  readonly score: number
  readonly why: readonly ScorePart[]
}

export interface ScorePart {
  readonly part: Part
  readonly score: number
}

/** What the encoder and the thesaurus say of a question; recall goes on with the text alone when they cannot. */
export interface Meaning {
  readonly vector: Float32Array | null
  /** By word of the question: terms used alike, with their similarity from 0 to 1. */
  readonly related: ReadonlyMap<string, Related>
}

export const NO_MEANING: Meaning = { vector: null, related: new Map() }

/**
 * The memories that answer a question, best first. Full text and vectors bring candidates in, one read brings their
 * neighbourhood, and every signal, weighted, is added up (docs/decisions/recall-ranking.md). Ties keep a fixed order.
 * @param most how many are wanted, at most
 */
export async function rank(
  question: Question,
  meaning: Meaning,
  index: RecallIndex,
  settings: RecallSettings = DEFAULT_SETTINGS,
  most = Number.POSITIVE_INFINITY,
): Promise<RecallHit[]> {
  const found = await evidenceFor(question, meaning, index, settings)
  const table = measure(question, found, settings)
  const parts = partsOf(table, found.documents.count, settings)
  const scores = new Float64Array(found.documents.count)
  for (const part of parts.values()) for (let i = 0; i < scores.length; i++) scores[i] = at(scores, i) + at(part, i)
  return best(found.documents, scores, most).map(({ id, i, score }) => ({
    id,
    score,
    why: [...parts].flatMap(([part, shares]) => named(part, at(shares, i))),
  }))
}

/** The documents with the highest scores. Few of thousands are wanted: those alone are put in order by more than a number. */
function best({ ids }: Documents, scores: Float64Array, most: number) {
  const least = scores.toSorted()[scores.length - most] ?? Number.NEGATIVE_INFINITY
  const found = []
  for (const [i, id] of ids.entries()) if (at(scores, i) >= least) found.push({ id, i, score: at(scores, i) })
  return found.sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1)).slice(0, most)
}

const at = (values: Float64Array, i: number): number => values[i] ?? 0

/** The reads: text and vectors side by side, then the candidates with their neighbours. */
export async function evidenceFor(question: Question, meaning: Meaning, index: RecallIndex, settings: RecallSettings) {
  const boosts = searchTerms(question, meaning.related, settings)
  const [text, nearest] = await Promise.all([
    boosts.size > 0 ? index.search(boosts, settings.textCandidates) : NOTHING_FOUND,
    meaning.vector ? index.nearest(meaning.vector, settings.vectorCandidates) : [],
  ])
  const candidates = new Set([...text.hits, ...nearest].map(({ id }) => id))
  const asked = askedOf(question, meaning)
  const documents =
    candidates.size > 0 ? await index.context([...candidates], settings.radius, asked) : new Documents(0, asked)
  return { documents, statistics: text, related: meaning.related, similarities: scores(nearest) }
}

/** Every term, and every pair, that can count for a document. */
function askedOf({ words, pairs }: Question, { related }: Meaning): Asked {
  const terms = new Set(words.flatMap((word) => word.terms))
  for (const nearby of related.values()) for (const term of nearby.keys()) terms.add(term)
  return { terms, pairs }
}

const NOTHING_FOUND: TextAnswer = { hits: [], documents: 0, averageLength: 0, frequencies: new Map() }

const scores = (list: readonly Scored[]) => new Map(list.map(({ id, score }) => [id, score]))

/** The question's terms, and for each of its words the related ones that are likeliest to stand in for it. */
function searchTerms(question: Question, related: Meaning['related'], settings: RecallSettings): Map<string, number> {
  const boosts = new Map<string, number>()
  for (const { word } of question.words) {
    const nearest = [...(related.get(word) ?? [])].sort(([, a], [, b]) => b - a).slice(0, settings.expansions)
    for (const [term, similarity] of nearest) {
      boosts.set(term, Math.max(boosts.get(term) ?? 0, similarity * settings.expansionBoost))
    }
  }
  for (const { terms } of question.words) for (const term of terms) boosts.set(term, 1)
  return boosts
}

/** Each part's share of every document's score. */
function partsOf(table: SignalTable, count: number, settings: RecallSettings): ReadonlyMap<Part, Float64Array> {
  const parts = new Map<Part, Float64Array>()
  for (const signal of SIGNALS) {
    const weight = weightOf(signal, settings)
    const part = parts.get(SIGNAL_PARTS[signal]) ?? new Float64Array(count)
    parts.set(SIGNAL_PARTS[signal], part)
    const values = table[signal]
    for (let i = 0; i < count; i++) part[i] = at(part, i) + weight * at(values, i)
  }
  return parts
}

function named(part: Part, score: number): ScorePart[] {
  return score === 0 ? [] : [{ part, score }]
}

function weightOf(signal: Signal, { weights, dialogue }: RecallSettings): number {
  return SIGNAL_PARTS[signal] === 'DIALOGUE' && !dialogue ? 0 : weights[signal]
}
