import { SIGNALS, type Weights } from '../../subgraphs/memory/recall/weights.ts'
import { CATEGORIES } from './gold.ts'
import type { Sample } from './samples.ts'

/** Percentages: the share of the evidence among the first 5, 10 and 20, and the mean reciprocal rank of the first. */
export interface Scores {
  readonly questions: number
  readonly 'R@5': number
  readonly 'R@10': number
  readonly 'R@20': number
  readonly MRR: number
}

export interface Sums {
  questions: number
  recalled: [number, number, number]
  reciprocal: number
}

const DEPTHS = [5, 10, 20] as const

/** Overall and by category. Evidence that never became a candidate counts as not found. */
export function score(samples: readonly Sample[], weights: Weights): Record<string, Scores> {
  const groups = new Map<string, Sums>()
  for (const sample of samples) {
    const ranks = evidenceRanks(sample, weights)
    for (const group of ['overall', CATEGORIES[sample.question.category] ?? `category ${sample.question.category}`]) {
      const sums = groups.get(group) ?? { questions: 0, recalled: [0, 0, 0], reciprocal: 0 }
      groups.set(group, sums)
      sums.questions++
      DEPTHS.forEach((depth, i) => {
        const found = ranks.filter((rank) => rank <= depth).length
        sums.recalled[i] = (sums.recalled[i] ?? 0) + found / sample.question.evidence.length
      })
      sums.reciprocal += ranks[0] === undefined ? 0 : 1 / ranks[0]
    }
  }
  return Object.fromEntries([...groups].map(([group, sums]) => [group, percentages(sums)]))
}

export function percentages({ questions, recalled, reciprocal }: Sums): Scores {
  const percent = (sum: number) => Math.round((1000 * sum) / questions) / 10
  const [five, ten, twenty] = recalled
  return { questions, 'R@5': percent(five), 'R@10': percent(ten), 'R@20': percent(twenty), MRR: percent(reciprocal) }
}

/** Every candidate's score. */
export function weigh({ candidates, values }: Sample, weights: Weights): Float64Array {
  const vector = SIGNALS.map((signal) => weights[signal])
  return Float64Array.from(candidates, (_, i) =>
    vector.reduce((sum, weight, k) => sum + weight * (values[i * vector.length + k] ?? 0), 0),
  )
}

/** The ranks of the evidence found, from 1, in order. */
function evidenceRanks(sample: Sample, weights: Weights): number[] {
  const scores = weigh(sample, weights)
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  return order.flatMap((i, rank) => (sample.isEvidence[i] ? [rank + 1] : []))
}
