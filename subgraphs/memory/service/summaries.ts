import { toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { conflict, invalidInput, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { SummaryBounds } from '../../../stores/summarizer/port.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { firstProblem } from '../limits.ts'
import { allThere } from '../store/deleting.ts'
import { putSummary, type SummaryDraft, type TalkMessage, talkOf } from '../store/summaries.ts'
import { summarize } from '../summary/extractive.ts'
import { namedSession } from './sessions-named.ts'
import { removeTextsOf, storeDrafts, vectorOf } from './texts.ts'

export interface SummarizeSessionInput {
  readonly sessionId: string
  readonly characters?: number | null
  readonly topics?: number | null
  readonly clientMutationId?: string | null
}

/** What a summary is made from at most: more would hold up everybody else. Characters. */
const mostRead = 60_000
const mostSources = 100

/** Makes the summary of a session of the viewer's. */
export async function summarizeSession(context: MemoryContext, input: SummarizeSessionInput) {
  const bounds = { characters: input.characters ?? 600, topics: input.topics ?? 8 }
  const problem = checkBounds(bounds)
  if (problem) return problem
  const { stores, request, viewer } = context
  // Before the transaction, which holds a connection: a model takes its time.
  const id = uuidOf('ChatSession', input.sessionId)
  const talk = id === null ? [] : latestOf(await context.read((db) => talkOf(db, id)))
  const summary = talk.length === 0 ? null : await summaryOf(context, talk, bounds)
  return mutate(stores, request, { name: 'summarizeSession', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await namedSession(context, tx, input.sessionId, 'locked')
    if (summary === null) throw new ProblemError(invalidInput('Nothing has been said in it.', 'input', 'sessionId'))
    const rests = talk.map(({ id }) => id)
    if (!(await allThere(tx, rests))) {
      throw new ProblemError(conflict('A message that it rests on was deleted meanwhile.', 'input', 'sessionId'))
    }
    const draft = { ...summary, id: stores.ids.next(), sessionId: session.id }
    const version = await putSummary(tx, viewer, draft, stores.clock.now())
    const audience = [viewer.userId]
    const of = { summary: toGlobalId('ChatSession', session.id) }
    // What finds the conversation again: one text, in the place of the one before.
    const before = await removeTextsOf(context, tx, 'CONVERSATION_CONTEXT', of)
    const text = vectorOf(context, {
      collection: 'CONVERSATION_CONTEXT',
      kind: 'CONTEXT',
      content: summary.text,
      sessionId: session.id,
      of,
    })
    await append([
      ...before,
      ...(await storeDrafts(context, tx, [text])),
      { kind: 'SESSION_SUMMARIZED', type: 'ChatSession', id: session.id, version, before: audience, after: audience },
    ])
    return { __typename: 'SummarizeSessionSuccess', sessionId: session.id } satisfies Answer
  })
}

/** By the model where there is one, else, and where it fails, of sentences that were said. */
async function summaryOf(
  { stores, request }: MemoryContext,
  talk: readonly TalkMessage[],
  bounds: SummaryBounds,
): Promise<Pick<SummaryDraft, 'text' | 'keyTopics' | 'sourceIds' | 'model'>> {
  const { summarizer } = stores
  if (summarizer) {
    try {
      const told = await summarizer.summarize(talk, bounds, request.signal)
      return { ...told, sourceIds: [], model: summarizer.model }
    } catch (error) {
      request.signal.throwIfAborted()
      stores.logger.warn({ err: error }, 'The model that summarizes failed; the summary is made of what was said')
    }
  }
  const { text, keyTopics, from } = summarize(talk, bounds)
  const sourceIds = from.flatMap((place) => talk[place]?.id ?? []).slice(0, mostSources)
  return { text, keyTopics, sourceIds, model: 'extractive' }
}

/** As many of the last messages as are read, and no half of one. */
function latestOf(talk: readonly TalkMessage[]): TalkMessage[] {
  let left = mostRead
  const first = talk.findLastIndex(({ content }) => {
    left -= content.length
    return left < 0
  })
  return talk.slice(first + 1)
}

function checkBounds({ characters, topics }: SummaryBounds): Problem | null {
  return firstProblem(
    () => (characters < 100 || characters > 4_000 ? invalidInput('100–4,000.', 'input', 'characters') : null),
    () => (topics < 1 || topics > 20 ? invalidInput('1–20.', 'input', 'topics') : null),
  )
}
