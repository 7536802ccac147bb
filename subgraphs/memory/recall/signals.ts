import type { Documents } from './documents.ts'
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
import type { TextAnswer } from './port.ts'
import type { Question, Wanted } from './question.ts'
import { type TimeSpan, timeFit } from './times.ts'
import { TRAITS, type Trait } from './traits.ts'
import type { RecallSettings, Signal } from './weights.ts'

/** Every signal's value for every document, in the documents' order. Most lie between 0 and 1. */
export type SignalTable = Readonly<Record<Signal, Float64Array>>

export interface Evidence {
  readonly documents: Documents
  readonly statistics: Omit<TextAnswer, 'hits'>
  /** Related terms of the question's words, by word. */
  readonly related: ReadonlyMap<string, Related>
  /** Cosine to the question, by memory; one that is absent is no nearer than the farthest of these. */
  readonly similarities: ReadonlyMap<string, number>
}

export function measure(question: Question, evidence: Evidence, settings: RecallSettings): SignalTable {
  const { documents } = evidence
  const { count, lengths, positions, sessions, traits } = documents
  const { isBy, isNamed, names } = participantsOf(question, documents)
  const words = question.words.filter(({ word }) => !names.has(word))
  const { weights, text, related } = matchWords(words, evidence.related, documents, evidence.statistics)
  const around = neighbourhood(documents, settings.radius)
  const said = relativeToBest(overall(weights, text, count))
  const meant = overall(weights, related, count)
  const each = (value: (i: number) => number) => valuesOf(count, value)
  const share = question.wantsSeveral ? settings.apart : 1
  const near = (side: Side, strengths: readonly Float64Array[]) =>
    coverage(around, side, settings.fading, weights, strengths).map((value) => share * value)
  const having = (trait: Trait) => each((i) => Number((at(traits, i) & TRAITS[trait]) !== 0))
  const wanted = (kind: Wanted) => (question.wants === kind ? having(kind) : new Float64Array(count))
  const asking = having('ASKS')
  const telling = having('TELLS')
  const answering = previous(around, asking)
  return {
    text: said,
    textSquared: said.map((value) => value ** 2),
    phrase: each(phraseMatch(question.pairs, documents)),
    length: each((i) => Math.log(1 + at(lengths, i)) / 4),
    wantedPlace: wanted('PLACE'),
    wantedNumber: wanted('NUMBER'),
    wantedReason: wanted('REASON'),
    several: question.wantsSeveral
      ? meant.map((value, i) => (isNamed && !isBy[i] ? 0 : value))
      : new Float64Array(count),
    vector: each(nearness(evidence.similarities, documents)),
    textBefore: near('BEFORE', text),
    relatedBefore: near('BEFORE', related),
    relatedAround: near('AROUND', related),
    neighbours: meanOfNearest(around, said).map((value) => share * value),
    sessionRelated: sessionCoverage(around, weights, related),
    sessionText: sessionBest(around, said),
    time: each((i) => bestFit(at(documents.times, i), question.times)),
    wantedTime: wanted('TIME'),
    participant: each((i) => Number(isBy[i])),
    asks: asking,
    answers: answering,
    answersMatch: previous(around, meant).map((value, i) => value * (answering[i] ?? 0)),
    tells: telling,
    reacts: having('REACTS'),
    addresses: having('ADDRESSES'),
    ofSelf: telling.map((tells, i) => (isBy[i] ? tells : 0)),
    opening: each((i) => Number(at(sessions, i) > 0 && at(positions, i) <= 1)),
    recency: each(recency(documents, settings.recencyHalfLife)),
  }
}

function relativeToBest(scores: Float64Array): Float64Array {
  const best = scores.reduce((max, score) => Math.max(max, score), 0) || 1
  return scores.map((score) => score / best)
}

/** What stands at an index that is known to be there. */
const at = (values: ArrayLike<number>, i: number): number => values[i] ?? 0

function bestFit(moment: number, times: readonly TimeSpan[]): number {
  let best = 0
  for (const span of times) best = Math.max(best, timeFit(moment, span))
  return best
}

/** The share of the question's pairs that a text has, two of them being enough. */
function phraseMatch(asked: ReadonlySet<string>, { pairs }: Documents): (i: number) => number {
  const enough = Math.min(2, asked.size)
  return (i) => (at(pairs, i) === 0 ? 0 : Math.min(1, at(pairs, i) / enough))
}

function nearness(similarities: ReadonlyMap<string, number>, { ids }: Documents): (i: number) => number {
  const floor = Math.min(1, ...similarities.values())
  return (i) => (similarities.get(ids[i] ?? '') ?? floor) - floor
}

/** Measured against the newest of the documents, so that an old archive is as well ordered as a fresh one. */
function recency({ count, times }: Documents, halfLife: number): (i: number) => number {
  let newest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < count; i++) newest = Math.max(newest, at(times, i))
  return (i) => 0.5 ** ((newest - at(times, i)) / 86_400_000 / halfLife)
}
