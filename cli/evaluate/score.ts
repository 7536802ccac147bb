import { categoryOf, type GoldQuestion } from './gold.ts'

/** What was found for a question: the ids of turns, best first. */
export interface Ranking {
  readonly question: GoldQuestion
  readonly ranked: readonly string[]
}

/** Percentages: the share of the evidence among the first 5, 10 and 20, and the mean reciprocal rank of the first. */
export interface Scores {
  readonly questions: number
  readonly 'R@5': number
  readonly 'R@10': number
  readonly 'R@20': number
  readonly MRR: number
}

const depths = [5, 10, 20] as const

/** Overall, then by category. */
export function score(rankings: readonly Ranking[]): Record<string, Scores> {
  const groups = Map.groupBy(rankings, ({ question }) => categoryOf(question))
  const byCategory = [...groups].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, own]) => [name, mean(own)] as const)
  return Object.fromEntries([['overall', mean(rankings)], ...byCategory])
}

function mean(rankings: readonly Ranking[]): Scores {
  const percent = (of: (ranking: Ranking) => number) =>
    Math.round((1000 * rankings.reduce((sum, ranking) => sum + of(ranking), 0)) / rankings.length) / 10
  const [five, ten, twenty] = depths.map((depth) => percent((ranking) => recallAt(depth, ranking)))
  return { questions: rankings.length, 'R@5': five, 'R@10': ten, 'R@20': twenty, MRR: percent(reciprocal) } as Scores
}

function recallAt(depth: number, { question, ranked }: Ranking): number {
  const evidence = new Set(question.evidence)
  return ranked.slice(0, depth).filter((id) => evidence.has(id)).length / evidence.size
}

function reciprocal({ question, ranked }: Ranking): number {
  const first = ranked.findIndex((id) => question.evidence.includes(id))
  return first < 0 ? 0 : 1 / (first + 1)
}
