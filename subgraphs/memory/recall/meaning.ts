import type { Encoder, Thesaurus } from '../../../stores/encoder/port.ts'
import type { Question } from './question.ts'
import type { Meaning } from './rank.ts'
import { termsOf } from './tokens.ts'

/** Below this cosine, words of one general kind meet (Monday and coffee): it counts as no relation at all. */
const UNRELATED = 0.4

/** A question's vector, and the index terms related to each of its words, scaled so that 0 is unrelated. */
export async function readMeaning(
  text: string,
  question: Question,
  encoder: Pick<Encoder, 'encode'>,
  thesaurus: Thesaurus,
  signal?: AbortSignal,
): Promise<Meaning> {
  const words = question.words.map(({ word }) => word)
  const [[vector = null], relations] = await Promise.all([
    encoder.encode([text], signal),
    thesaurus.related(words, signal),
  ])
  return { vector, related: new Map(words.map((word, i) => [word, asTerms(relations[i])])) }
}

function asTerms(related: ReadonlyMap<string, number> = new Map()): Map<string, number> {
  const terms = new Map<string, number>()
  for (const [word, cosine] of related) {
    const similarity = (cosine - UNRELATED) / (1 - UNRELATED)
    if (similarity <= 0) continue
    for (const term of termsOf(word)) terms.set(term, Math.max(terms.get(term) ?? 0, similarity))
  }
  return terms
}
