import { matchWords, overall, type Related, valuesOf } from './matches.ts'
import {
  coverage,
  meanOfNearest,
  neighbourhood,
  previous,
  type Side,
  sessionBest,
  sessionCoverage,
} from './neighbourhood.ts'
import { participantsOf } from './participants.ts'
import type { RecallDocument, TextAnswer } from './port.ts'
import type { Question, Wanted } from './question.ts'
import { type TimeSpan, timeFit } from './times.ts'
import { TRAITS, type Trait } from './traits.ts'
import type { RecallSettings, Signal } from './weights.ts'

/** Every signal's value for every document, in the documents' order. Most lie between 0 and 1. */
export type SignalTable = Readonly<Record<Signal, Float64Array>>

export interface Evidence {
  readonly documents: readonly RecallDocument[]
  readonly statistics: Omit<TextAnswer, 'hits'>
  /** Related terms of the question's words, by word. */
  readonly related: ReadonlyMap<string, Related>
  /** Cosine to the question, by memory; one that is absent is no nearer than the farthest of these. */
  readonly similarities: ReadonlyMap<string, number>
}

export function measure(question: Question, evidence: Evidence, settings: RecallSettings): SignalTable {
  const { documents } = evidence
  const count = documents.length
  const { isBy, isNamed, names } = participantsOf(question, documents)
  const words = question.words.filter(({ word }) => !names.has(word))
  const { weights, text, related } = matchWords(words, evidence.related, documents, evidence.statistics)
  const around = neighbourhood(documents, settings.radius)
  const said = relativeToBest(overall(weights, text, count))
  const meant = overall(weights, related, count)
  const each = (value: (document: RecallDocument, i: number) => number) => valuesOf(documents, value)
  const share = question.wantsSeveral ? settings.apart : 1
  const near = (side: Side, strengths: readonly Float64Array[]) =>
    coverage(around, side, settings.fading, weights, strengths).map((value) => share * value)
  const having = (trait: Trait) => each(({ traits }) => Number((traits & TRAITS[trait]) !== 0))
  const wanted = (kind: Wanted) => (question.wants === kind ? having(kind) : new Float64Array(count))
  const asking = having('ASKS')
  const telling = having('TELLS')
  const answering = previous(around, asking)
  return {
    text: said,
    textSquared: said.map((value) => value ** 2),
    phrase: each(phraseMatch(question.pairs)),
    length: each(({ length }) => Math.log(1 + length) / 4),
    wantedPlace: wanted('PLACE'),
    wantedNumber: wanted('NUMBER'),
    wantedReason: wanted('REASON'),
    several: question.wantsSeveral
      ? meant.map((value, i) => (isNamed && !isBy[i] ? 0 : value))
      : new Float64Array(count),
    vector: each(nearness(evidence.similarities)),
    textBefore: near('BEFORE', text),
    relatedBefore: near('BEFORE', related),
    relatedAround: near('AROUND', related),
    neighbours: meanOfNearest(around, said).map((value) => share * value),
    sessionRelated: sessionCoverage(around, weights, related),
    sessionText: sessionBest(around, said),
    time: each(({ occurredAt }) => bestFit(occurredAt, question.times)),
    wantedTime: wanted('TIME'),
    participant: each((_, i) => Number(isBy[i])),
    asks: asking,
    answers: answering,
    answersMatch: previous(around, meant).map((value, i) => value * (answering[i] ?? 0)),
    tells: telling,
    reacts: having('REACTS'),
    addresses: having('ADDRESSES'),
    ofSelf: telling.map((tells, i) => (isBy[i] ? tells : 0)),
    opening: each(({ session, position }) => Number(session !== null && position <= 1)),
    recency: each(recency(documents, settings.recencyHalfLife)),
  }
}

function relativeToBest(scores: Float64Array): Float64Array {
  const best = scores.reduce((max, score) => Math.max(max, score), 0) || 1
  return scores.map((score) => score / best)
}

function bestFit(at: Date, times: readonly TimeSpan[]): number {
  let best = 0
  for (const span of times) best = Math.max(best, timeFit(at, span))
  return best
}

/** The share of the question's pairs that a text has, two of them being enough. */
function phraseMatch(pairs: ReadonlySet<string>): (document: RecallDocument) => number {
  const enough = Math.min(2, pairs.size)
  return (document) => (document.pairs === 0 ? 0 : Math.min(1, document.pairs / enough))
}

function nearness(similarities: ReadonlyMap<string, number>): (document: RecallDocument) => number {
  const floor = Math.min(1, ...similarities.values())
  return ({ id }) => (similarities.get(id) ?? floor) - floor
}

/** Measured against the newest of the documents, so that an old archive is as well ordered as a fresh one. */
function recency(documents: readonly RecallDocument[], halfLife: number): (document: RecallDocument) => number {
  const newest = documents.reduce(
    (max, { occurredAt }) => Math.max(max, occurredAt.getTime()),
    Number.NEGATIVE_INFINITY,
  )
  return ({ occurredAt }) => 0.5 ** ((newest - occurredAt.getTime()) / 86_400_000 / halfLife)
}
