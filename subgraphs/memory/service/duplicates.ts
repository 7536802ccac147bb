import { maximumPageSize } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { undamaged } from '../../packed-rows.ts'
import type { MemoryContext } from '../context.ts'
import { contentFor } from '../policies/masks.ts'
import { likeness, shinglesOf } from '../recall/shingles.ts'
import { analyze } from '../recall/tokens.ts'
import { openRecallIndex } from '../store/recall-index.ts'

/** How many memories are compared, by what they are found. */
const byWords = 100
const byMeaning = 50
/** The longest words say most of what a text is about; a search for more of them finds no others. */
const mostTerms = 64

/** Memories that say nearly the same as one that the viewer may see, the most alike first. */
export async function nearDuplicates(context: MemoryContext, memoryId: string, first: number, minSimilarity: number) {
  if (first < 1 || first > maximumPageSize) {
    throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${maximumPageSize}, not ${first}.`)
  }
  if (!(minSimilarity >= 0 && minSimilarity <= 1)) {
    throw codedError('BAD_USER_INPUT', `\`minSimilarity\` must be 0 to 1, not ${minSimilarity}.`)
  }
  const id = uuidOf('Memory', memoryId)
  const memory = id === null ? null : await context.loaders.memory.load(id)
  if (memory === null) return []
  const index = openRecallIndex(context, {})
  const content = await contentFor(context, memory)
  const terms = [...analyze(content).terms.keys()].sort((a, b) => b.length - a.length).slice(0, mostTerms)
  const [said, meant] = await Promise.all([
    index.search(new Map(terms.map((term) => [term, 1])), byWords),
    vectorOf(context, content).then((vector) => (vector === null ? [] : index.nearest(vector, byMeaning))),
  ])
  const ids = new Set([...said.hits, ...meant].map((hit) => hit.id))
  ids.delete(memory.id)
  const candidates = await Promise.all([...ids].map((candidate) => context.loaders.memory.load(candidate)))
  const found = undamaged(
    candidates.filter((candidate) => candidate !== null),
    context.stores.logger,
  )
  const contents = await Promise.all(found.map((candidate) => contentFor(context, candidate)))
  const shingles = shinglesOf(content)
  return found
    .map((candidate, i) => ({ memory: candidate, similarity: likeness(shingles, shinglesOf(contents[i] ?? '')) }))
    .filter(({ similarity }) => similarity >= minSimilarity)
    .sort((a, b) => b.similarity - a.similarity || a.memory.ordinal - b.memory.ordinal)
    .slice(0, first)
}

/** An encoder that is broken costs what is found by meaning alone. */
async function vectorOf({ stores, request }: MemoryContext, content: string): Promise<Float32Array | null> {
  try {
    const [vector] = await stores.encoder.encode([content], request.signal)
    return vector ?? null
  } catch (error) {
    request.signal.throwIfAborted()
    stores.logger.warn(
      { err: error, traceId: request.traceId },
      'The encoder failed; duplicates are found by words alone',
    )
    return null
  }
}
