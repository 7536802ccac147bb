import type { RequestContext } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import { MemoryContext } from '../../subgraphs/memory/context.ts'
import { readMeaning } from '../../subgraphs/memory/recall/meaning.ts'
import { readQuestion } from '../../subgraphs/memory/recall/question.ts'
import { evidenceFor } from '../../subgraphs/memory/recall/rank.ts'
import { measure } from '../../subgraphs/memory/recall/signals.ts'
import { type RecallSettings, SIGNALS, type Weights } from '../../subgraphs/memory/recall/weights.ts'
import { openRecallIndex } from '../../subgraphs/memory/store/recall-index.ts'
import { viewerOfLogin } from '../../subgraphs/users/identity.ts'
import type { Brought } from './bring.ts'
import type { GoldQuestion, GoldSet } from './gold.ts'
import type { Ranking } from './score.ts'

/** One question with every candidate's signals: what weights are fitted to. */
export interface Sample {
  readonly question: GoldQuestion
  /** The turns that the candidates were made of. */
  readonly candidates: readonly string[]
  /** Row by row, a candidate's values in the order of SIGNALS. */
  readonly values: Float64Array
  readonly isEvidence: readonly boolean[]
}

/** Asks every question through the whole of recall but for the weighing: the answer tells only of a score's parts. */
export async function samplesOf(
  { questions }: GoldSet,
  { logins, turns }: Brought,
  stores: Stores,
  settings: RecallSettings,
  signal: AbortSignal,
): Promise<Sample[]> {
  const contexts = new Map<string, MemoryContext>()
  for (const [conversation, login] of logins) {
    contexts.set(conversation, new MemoryContext(stores, await requestOf(stores, login, signal)))
  }
  const samples: Sample[] = []
  for (const question of questions) {
    signal.throwIfAborted()
    const read = readQuestion(question.question, stores.clock.now())
    const meaning = await readMeaning(question.question, read, stores.encoder, stores.thesaurus, signal)
    const index = openRecallIndex(contexts.get(question.conv) as MemoryContext, {})
    const evidence = await evidenceFor(read, meaning, index, settings)
    const table = measure(read, evidence, settings)
    const candidates = evidence.documents.ids.map((id) => turns.get(id) ?? id)
    samples.push({
      question,
      candidates,
      values: Float64Array.from(evidence.documents.ids.flatMap((_, i) => SIGNALS.map((name) => table[name][i] ?? 0))),
      isEvidence: candidates.map((id) => question.evidence.includes(id)),
    })
  }
  return samples
}

async function requestOf(stores: Stores, login: string, signal: AbortSignal): Promise<RequestContext> {
  const viewer = await viewerOfLogin(stores, login)
  const { clock, ids } = stores
  return { viewer, deadline: Number.POSITIVE_INFINITY, signal, traceId: 'evaluate', clock, ids }
}

/** Every candidate's score. */
export function weigh({ candidates, values }: Sample, weights: Weights): Float64Array {
  const vector = SIGNALS.map((signal) => weights[signal])
  return Float64Array.from(candidates, (_, i) =>
    vector.reduce((sum, weight, k) => sum + weight * (values[i * vector.length + k] ?? 0), 0),
  )
}

/** The order in which recall would answer with these weights. */
export function rankWith(sample: Sample, weights: Weights): Ranking {
  const scores = weigh(sample, weights)
  const order = [...scores.keys()].sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0))
  return { question: sample.question, ranked: order.map((i) => sample.candidates[i] ?? '') }
}
