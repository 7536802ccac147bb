import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import { readMeaning } from '../../subgraphs/memory/recall/meaning.ts'
import { readQuestion } from '../../subgraphs/memory/recall/question.ts'
import { evidenceFor } from '../../subgraphs/memory/recall/rank.ts'
import { measure } from '../../subgraphs/memory/recall/signals.ts'
import { type RecallSettings, SIGNALS } from '../../subgraphs/memory/recall/weights.ts'
import { memoryIndex, recallDocument } from '../../tests/kit/memory-index.ts'
import { type GoldQuestion, type GoldSet, turnDate } from './gold.ts'

/** One question with every candidate's signals: what weights are fitted to and scored on. */
export interface Sample {
  readonly question: GoldQuestion
  readonly candidates: readonly string[]
  /** Row by row, a candidate's values in the order of SIGNALS. */
  readonly values: Float64Array
  readonly isEvidence: readonly boolean[]
}

/** Asks every question of its own conversation, through the whole of recall but for the weighing. */
export async function samplesOf(
  { turns, questions, conversations }: GoldSet,
  settings: RecallSettings,
): Promise<Sample[]> {
  const encoder = staticVectors()
  // Nobody knows when the questions were asked: long after, so that "last week" fits nothing by chance.
  const now = new Date('2030-01-01')
  const samples: Sample[] = []
  for (const conversation of conversations) {
    const own = turns.filter(({ conv }) => conv === conversation)
    const documents = own.map(({ id, session, pos, date, speaker, text, caption }) =>
      recallDocument({
        id,
        sessionId: `${session}`,
        position: pos,
        occurredAt: turnDate(date),
        speaker,
        content: caption ? `${text} [${caption}]` : text,
      }),
    )
    const vectors = await encoder.encode(documents.map(({ content }) => content))
    const index = memoryIndex(documents, new Map(documents.map(({ id }, i) => [id, vectors[i] as Float32Array])))
    for (const question of questions.filter(({ conv }) => conv === conversation)) {
      const read = readQuestion(question.question, now)
      const meaning = await readMeaning(question.question, read, encoder, encoder)
      const evidence = await evidenceFor(read, meaning, index, settings)
      const table = measure(read, evidence, settings)
      samples.push({
        question,
        candidates: evidence.documents.map(({ id }) => id),
        values: Float64Array.from(evidence.documents.flatMap((_, i) => SIGNALS.map((signal) => table[signal][i] ?? 0))),
        isEvidence: evidence.documents.map(({ id }) => question.evidence.includes(id)),
      })
    }
  }
  await encoder.close()
  return samples
}
