import {
  DEFAULT_WEIGHTS,
  SIGNAL_PARTS,
  SIGNALS,
  type Signal,
  type Weights,
} from '../../subgraphs/memory/recall/weights.ts'
import { rankWith, type Sample, weigh } from './samples.ts'
import type { Ranking } from './score.ts'

const ROUNDS = 300
const DECAY = 0.03
const RATE = 0.04
/** Weights are fitted against each question's likeliest candidates only: the rest are far off and cost time. */
const CANDIDATES = 150
/**
 * Weights that stay as they are: which memory is newest tells little in a gold set that was asked long after, and few of
 * its questions ask for several things.
 */
const KEPT: readonly Signal[] = ['recency', 'several']
/** A signal may only speak for a memory, but for these, which speak against it. */
const AGAINST: readonly Signal[] = ['asks', 'reacts', 'addresses']

interface Problem {
  /** Row by row, on the scale of each signal's deviation. */
  readonly values: Float64Array
  /** What each row's likelihood should be. */
  readonly wanted: Float64Array
}

/**
 * Weights that make the evidence likeliest under a softmax over each question's candidates (ListNet, Cao et al., 2007),
 * by Adam with weight decay, then refined on the measures themselves. The first step is convex and starts at zero, so
 * the same samples give the same weights.
 */
export function fitWeights(samples: readonly Sample[], dialogue: boolean): Weights {
  const spread = deviations(samples)
  const problems = samples
    .filter(({ isEvidence }) => isEvidence.includes(true))
    .map((sample) => problem(sample, spread))
  const n = SIGNALS.length
  const weights = new Float64Array(n)
  const mean = new Float64Array(n)
  const square = new Float64Array(n)
  for (let round = 1; round <= ROUNDS; round++) {
    const slope = new Float64Array(n)
    for (const one of problems) addSlope(slope, one, weights)
    const rate = round > ROUNDS * 0.7 ? RATE / 4 : RATE
    for (const [k, signal] of SIGNALS.entries()) {
      if (KEPT.includes(signal)) continue
      const g = (slope[k] ?? 0) / problems.length + DECAY * (weights[k] ?? 0)
      mean[k] = 0.9 * (mean[k] ?? 0) + 0.1 * g
      square[k] = 0.99 * (square[k] ?? 0) + 0.01 * g * g
      const step = (mean[k] ?? 0) / (1 - 0.9 ** round) / (Math.sqrt((square[k] ?? 0) / (1 - 0.99 ** round)) + 1e-8)
      weights[k] = allowed(signal, dialogue, (weights[k] ?? 0) - rate * step)
    }
  }
  refine(problems, weights)
  const rounded = (k: number) => Number(((weights[k] ?? 0) / (spread[k] ?? 1)).toFixed(2))
  const fitted = SIGNALS.map((signal, k) => [signal, KEPT.includes(signal) ? DEFAULT_WEIGHTS[signal] : rounded(k)])
  return Object.fromEntries(fitted) as Weights
}

/** Each conversation's questions, ranked with weights that never saw it. */
export function leaveOneOut(samples: readonly Sample[], dialogue: boolean): Ranking[] {
  const conversations = [...new Set(samples.map(({ question }) => question.conv))]
  return conversations.flatMap((conversation) => {
    const weights = fitWeights(
      samples.filter(({ question }) => question.conv !== conversation),
      dialogue,
    )
    return samples.filter(({ question }) => question.conv === conversation).map((sample) => rankWith(sample, weights))
  })
}

function allowed(signal: Signal, dialogue: boolean, weight: number): number {
  if (!dialogue && SIGNAL_PARTS[signal] === 'DIALOGUE') return 0
  return AGAINST.includes(signal) ? Math.min(0, weight) : Math.max(0, weight)
}

function problem(sample: Sample, spread: Float64Array): Problem {
  const n = SIGNALS.length
  const scores = weigh(sample, DEFAULT_WEIGHTS)
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  const rows = order.filter((i, rank) => rank < CANDIDATES || sample.isEvidence[i])
  const values = new Float64Array(rows.length * n)
  rows.forEach((i, row) => {
    for (let k = 0; k < n; k++) values[row * n + k] = (sample.values[i * n + k] ?? 0) / (spread[k] ?? 1)
  })
  const evidence = rows.filter((i) => sample.isEvidence[i]).length
  return { values, wanted: Float64Array.from(rows, (i) => (sample.isEvidence[i] ? 1 / evidence : 0)) }
}

/** How far each signal usually strays from its mean: weights are fitted on that scale, so that decay is fair to all. */
function deviations(samples: readonly Sample[]): Float64Array {
  const n = SIGNALS.length
  const sum = new Float64Array(n)
  const squares = new Float64Array(n)
  let rows = 0
  for (const { values } of samples) {
    rows += values.length / n
    values.forEach((value, i) => {
      sum[i % n] = (sum[i % n] ?? 0) + value
      squares[i % n] = (squares[i % n] ?? 0) + value ** 2
    })
  }
  return sum.map((total, k) => Math.sqrt(Math.max(0, (squares[k] ?? 0) / rows - (total / rows) ** 2)) || 1)
}

function addSlope(slope: Float64Array, { values, wanted }: Problem, weights: Float64Array): void {
  const n = weights.length
  const likelihoods = wanted.map((_, i) => {
    let score = 0
    for (let k = 0; k < n; k++) score += (weights[k] ?? 0) * (values[i * n + k] ?? 0)
    return score
  })
  const highest = Math.max(...likelihoods)
  let total = 0
  for (let i = 0; i < likelihoods.length; i++) {
    likelihoods[i] = Math.exp((likelihoods[i] ?? 0) - highest)
    total += likelihoods[i] ?? 0
  }
  for (let i = 0; i < likelihoods.length; i++) {
    const error = (likelihoods[i] ?? 0) / total - (wanted[i] ?? 0)
    if (Math.abs(error) < 1e-6) continue
    for (let k = 0; k < n; k++) slope[k] = (slope[k] ?? 0) + error * (values[i * n + k] ?? 0)
  }
}

const FACTORS = [0.5, 0.7, 0.85, 1.2, 1.5, 2]
const PASSES = 4
/** A change that helps less than this, in percentage points, is chance. */
const LEAST_GAIN = 0.05

/** Scales one weight after another wherever that ranks the evidence better; small steps, so that little is overfitted. */
function refine(problems: readonly Problem[], weights: Float64Array): void {
  const scores = problems.map(({ values, wanted }) =>
    wanted.map((_, i) => weights.reduce((sum, weight, k) => sum + weight * (values[i * weights.length + k] ?? 0), 0)),
  )
  let best = quality(problems, scores, 0, 0)
  for (let step = 0; step < PASSES * weights.length; step++) {
    const k = step % weights.length
    const weight = weights[k] ?? 0
    let chosen = 1
    for (const factor of weight === 0 ? [] : FACTORS) {
      const reached = quality(problems, scores, k, weight * (factor - 1))
      if (reached < best + LEAST_GAIN) continue
      best = reached
      chosen = factor
    }
    shift(problems, scores, k, weight * (chosen - 1))
    weights[k] = weight * chosen
  }
}

function shift(problems: readonly Problem[], scores: readonly Float64Array[], k: number, by: number): void {
  problems.forEach(({ values }, p) => {
    const own = scores[p] ?? new Float64Array()
    for (let i = 0; i < own.length; i++) own[i] = (own[i] ?? 0) + by * (values[i * SIGNALS.length + k] ?? 0)
  })
}

/** Recall at 10 and MRR, and a little of recall at 5 and 20, were weight k changed by this much. In percent. */
function quality(problems: readonly Problem[], scores: readonly Float64Array[], k: number, by: number): number {
  let sum = 0
  problems.forEach(({ values, wanted }, p) => {
    const own = scores[p] ?? new Float64Array()
    const changed = own.map((score, i) => score + by * (values[i * SIGNALS.length + k] ?? 0))
    const evidence = [...wanted.keys()].filter((i) => wanted[i])
    const ranks = evidence.map((i) => changed.reduce((rank, score) => rank + Number(score > (changed[i] ?? 0)), 1))
    const within = (depth: number) => ranks.filter((rank) => rank <= depth).length / ranks.length
    sum += within(10) + 0.3 * (within(5) + within(20)) + 1 / Math.min(...ranks)
  })
  return (100 * sum) / problems.length
}
