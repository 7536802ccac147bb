import { maximumPageSize } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { securityOf } from '../../security.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, limits } from '../limits.ts'
import { recallSettings } from '../recall/configuration.ts'
import { readMeaning } from '../recall/meaning.ts'
import { readQuestion } from '../recall/question.ts'
import { type Meaning, NO_MEANING, type RecallHit, rank } from '../recall/rank.ts'
import type { MemoryFilter, MemoryRecord } from '../records.ts'
import { openPastIndex } from '../store/recall-as-of.ts'
import { openRecallIndex } from '../store/recall-index.ts'

/** The memories that best answer a question, and how the search went. */
export async function recall(
  context: MemoryContext,
  query: string,
  first: number,
  filter: MemoryFilter,
  asOf: Date | null = null,
) {
  if (first < 1 || first > maximumPageSize) throw bad(`\`first\` must be 1–${maximumPageSize}, not ${first}.`)
  const problem = checkText(query, limits.query, [], 1)
  if (problem) throw bad(`\`query\`: ${problem.message}`)
  const start = performance.now()
  const { stores, request } = context
  const question = readQuestion(query, asOf ?? stores.clock.now())
  const index = asOf === null ? openRecallIndex(context, filter) : openPastIndex(context, filter, asOf)
  const { meaning, failed } = await meaningOf(context, query, question)
  const hits = await rank(question, meaning, index, recallSettings(stores.recall), first)
  const best = await present(context, hits, first, asOf)
  context.noteRead(...best.map(({ memory }) => memory))
  request.signal.throwIfAborted()
  const tookMs = performance.now() - start
  stores.sentinel.report(securityOf(request, 'memory'), {
    kind: 'VECTORS',
    operation: 'SEARCH',
    collection: stores.vectors.model,
    amount: hits.length,
    tookMs,
  })
  return {
    hits: best,
    tookMs,
    model: stores.vectors.model,
    degraded: failed || index.degraded ? ['VECTORS'] : [],
    /** Counted only for whoever asks for it: it takes as long as the search. */
    pending: () => index.pending(),
  }
}

/** An encoder that is broken costs the search by meaning, not the search. */
async function meaningOf(
  { stores, request }: MemoryContext,
  query: string,
  question: ReturnType<typeof readQuestion>,
): Promise<{ meaning: Meaning; failed: boolean }> {
  try {
    const meaning = await readMeaning(query, question, stores.encoder, stores.thesaurus, request.signal)
    return { meaning, failed: false }
  } catch (error) {
    request.signal.throwIfAborted()
    stores.logger.warn({ err: error, traceId: request.traceId }, 'The encoder failed; recall goes by words alone')
    return { meaning: NO_MEANING, failed: true }
  }
}

/** The first hits that are still there: each memory is read again under the viewer's own rights. */
async function present({ loaders }: MemoryContext, hits: readonly RecallHit[], first: number, asOf: Date | null) {
  const wanted = hits.slice(0, first)
  const memories = await Promise.all(
    wanted.map(({ id }) => (asOf === null ? loaders.memory.load(id) : loaders.memoryAsOf(id, asOf))),
  )
  return wanted
    .flatMap((hit, i) => withMemory(hit, memories[i] ?? null))
    .map((hit, i) => ({
      ...hit,
      rank: i + 1,
      why: hit.why.map(({ part, score }) => ({ part: part.toLowerCase(), score })),
    }))
}

function withMemory(hit: RecallHit, memory: MemoryRecord | null) {
  return memory === null ? [] : [{ ...hit, memory }]
}

function bad(message: string) {
  return codedError('BAD_USER_INPUT', message)
}
