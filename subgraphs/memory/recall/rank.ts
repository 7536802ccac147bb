import type { Related } from './matches.ts'
import type { RecallIndex, Scored, TextAnswer } from './port.ts'
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
 */
export async function rank(
  question: Question,
  meaning: Meaning,
  index: RecallIndex,
  settings: RecallSettings = DEFAULT_SETTINGS,
): Promise<RecallHit[]> {
  const found = await evidenceFor(question, meaning, index, settings)
  const table = measure(question, found, settings)
  return found.documents
    .map(({ id }, i) => hit(id, table, i, settings))
    .sort((a, b) => b.score - a.score || (a.id < b.id ? -1 : 1))
}

/** The reads: text and vectors side by side, then the candidates with their neighbours. */
export async function evidenceFor(question: Question, meaning: Meaning, index: RecallIndex, settings: RecallSettings) {
  const boosts = searchTerms(question, meaning.related, settings)
  const [text, nearest] = await Promise.all([
    boosts.size > 0 ? index.search(boosts, settings.textCandidates) : NOTHING_FOUND,
    meaning.vector ? index.nearest(meaning.vector, settings.vectorCandidates) : [],
  ])
  const candidates = new Set([...text.hits, ...nearest].map(({ id }) => id))
  const documents = candidates.size > 0 ? await index.context([...candidates], settings.radius) : []
  return { documents, statistics: text, related: meaning.related, similarities: scores(nearest) }
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

function hit(id: string, table: SignalTable, i: number, settings: RecallSettings): RecallHit {
  const parts = new Map<Part, number>()
  for (const signal of SIGNALS) {
    const score = weightOf(signal, settings) * (table[signal][i] ?? 0)
    if (score !== 0) parts.set(SIGNAL_PARTS[signal], (parts.get(SIGNAL_PARTS[signal]) ?? 0) + score)
  }
  const why = [...parts].map(([part, score]) => ({ part, score }))
  return { id, score: why.reduce((sum, { score }) => sum + score, 0), why }
}

function weightOf(signal: Signal, { weights, dialogue }: RecallSettings): number {
  return SIGNAL_PARTS[signal] === 'DIALOGUE' && !dialogue ? 0 : weights[signal]
}
