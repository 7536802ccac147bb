import type { GraphClient } from '../graph-client.ts'
import type { Brought } from './bring.ts'
import type { GoldSet } from './gold.ts'
import type { Ranking } from './score.ts'

/** As deep as one page goes: evidence behind it counts as not found. */
const depth = 100

const recall = `query EvaluateRecall($query: String!, $first: Int!) {
  recall(query: $query, first: $first) { tookMs degraded pending hits { memory { externalId } } } }`

interface Answer {
  readonly recall: {
    readonly tookMs: number
    readonly degraded: readonly string[]
    readonly pending: number
    readonly hits: readonly { readonly memory: { readonly externalId: string } }[]
  }
}

/** Asks every question of its own conversation through the graph. */
export async function askQuestions(
  { questions }: GoldSet,
  { logins }: Brought,
  clientFor: (login: string) => GraphClient,
  onProgress: (asked: number) => void,
  signal: AbortSignal,
): Promise<{ readonly rankings: readonly Ranking[]; readonly tookMs: readonly number[] }> {
  const rankings: Ranking[] = []
  const tookMs: number[] = []
  for (const question of questions) {
    signal.throwIfAborted()
    const client = clientFor(logins.get(question.conv) ?? '')
    const { recall: answer } = await client.execute<Answer>(recall, { query: question.question, first: depth })
    if (answer.degraded.length > 0 || answer.pending > 0) {
      throw new Error('recall answered without its vectors: what it found says nothing of how well it finds')
    }
    rankings.push({ question, ranked: answer.hits.map(({ memory }) => memory.externalId) })
    tookMs.push(answer.tookMs)
    onProgress(rankings.length)
  }
  return { rankings, tookMs }
}
