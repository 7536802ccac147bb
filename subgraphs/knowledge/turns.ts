import { parsePage } from '../../lib/connection.ts'
import { codedError } from '../../lib/errors.ts'
import { uuidOf } from '../../lib/ids.ts'
import { requireViewer } from '../security.ts'
import type { KnowledgeContext } from './context.ts'
import { type Concept, toConcept } from './mappers.ts'

const most = 50
/** Of each memory so many concepts count, and of each concept so many relations. */
const conceptsEach = 20
const relationsEach = 5

export interface TurnConcept {
  readonly concept: Concept
  readonly mentions: number
  readonly score: number
}

/** What the memories of a turn speak of, and one step over the graph what that is related to. */
export async function conceptsOfTurn(
  context: KnowledgeContext,
  memoryIds: readonly string[],
  first: number,
): Promise<TurnConcept[]> {
  const { loaders, request } = context
  requireViewer(request)
  if (first < 1 || first > most) throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${most}, not ${first}.`)
  const memories = memoryIds.flatMap((id) => uuidOf('Memory', id) ?? [])
  const page = parsePage({ first: conceptsEach }, ['conceptsOfTurn'])
  const lists = await Promise.all(memories.map((id) => loaders.conceptsOfMemory(page, id)))
  const mentions = new Map<string, number>()
  for (const { id } of lists.flatMap(({ nodes }) => nodes)) mentions.set(id, (mentions.get(id) ?? 0) + 1)
  const scores = new Map([...mentions].map(([id, count]) => [id, count / memories.length]))
  const strongest = { minStrength: 0, type: null, page: parsePage({ first: relationsEach }, ['conceptsOfTurn']) }
  const related = await Promise.all([...mentions.keys()].map((id) => loaders.related(strongest, id)))
  for (const { conceptId, relatedId, strength } of related.flatMap(({ nodes }) => nodes)) {
    if (mentions.has(relatedId)) continue
    const score = strength * (scores.get(conceptId) ?? 0)
    scores.set(relatedId, Math.max(score, scores.get(relatedId) ?? 0))
  }
  const best = [...scores].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, first)
  const records = await Promise.all(best.map(([id]) => loaders.concepts.load(id)))
  return best.flatMap(([id, score], i) => {
    const record = records[i]
    return record ? [{ concept: toConcept(record), mentions: mentions.get(id) ?? 0, score }] : []
  })
}

/** Resolvers of what the graph knows of a chat's turns. */
export const turnResolvers = {
  ChatTurn: {
    __resolveReference: ({ id, memoryIds = [] }: { id: string; memoryIds?: readonly string[] }) =>
      uuidOf('ChatTurn', id) === null ? null : { id, memoryIds },
    concepts: (
      { memoryIds }: { readonly memoryIds: readonly string[] },
      { first }: { first?: number | null },
      context: KnowledgeContext,
    ) => conceptsOfTurn(context, memoryIds, first ?? 10),
  },
}
