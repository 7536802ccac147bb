import type { Database } from '../../../stores/postgres/postgres.ts'
import { limits } from '../limits.ts'
import { bm25 } from '../recall/bm25.ts'
import type { TextAnswer } from '../recall/port.ts'
import type { MemoryFilter } from '../records.ts'
import { allOf, Values } from './keyset.ts'
import { filterConditions } from './memories.ts'

/** What a memory that the viewer was given has of the asked terms. */
export interface GrantedMatch {
  readonly id: string
  /** How often it has each of them, in their order. */
  readonly frequencies: readonly number[]
  readonly length: number
  /** How many he was given in all. */
  readonly documents: number
}

/** What these owners gave the viewer and fits; of more than a limit, what was given last. */
export async function grantedMemories(
  db: Database,
  filter: MemoryFilter,
  owners: readonly string[],
): Promise<readonly string[]> {
  const values = new Values()
  const given = `memory.granted(${values.add(limits.sharedSearched, 'integer')}) AS given`
  const isTheirs = `given.owner_id = ANY (${values.add(owners, 'uuid[]')})`
  const rows = await db.query<{ id: string }>(
    `SELECT given.memory_id AS id FROM ${given} ${fitting(filter, values, isTheirs)}`,
    values.list,
  )
  return rows.map(({ id }) => id)
}

/** Which of the memories that others gave the viewer hold any of the asked terms. */
export function searchGranted(
  db: Database,
  boosts: ReadonlyMap<string, number>,
  filter: MemoryFilter,
): Promise<GrantedMatch[]> {
  const values = new Values()
  const terms = values.add([...boosts.keys()], 'text[]')
  const given = `memory.match_granted(${terms}, ${values.add(limits.sharedSearched, 'integer')}) AS given`
  return db.query(
    `SELECT given.memory_id AS id, given.frequencies, given.length, given.documents FROM ${given} ${fitting(filter, values)}`,
    values.list,
  )
}

/** Only a filter needs the memories themselves. */
function fitting(filter: MemoryFilter, values: Values, ...also: readonly string[]): string {
  const conditions = filterConditions(filter, values)
  const memories = 'JOIN memory.current_memories AS memory ON memory.id = given.memory_id'
  return `${conditions.length === 0 ? '' : memories} WHERE ${allOf([...also, ...conditions])}`
}

/**
 * Puts them among the viewer's own hits. They are weighed as if they stood on his shelves: with the statistics of all
 * that was searched, so that the same words score the same wherever they stand.
 */
export function withGranted(
  answer: TextAnswer,
  matches: readonly GrantedMatch[],
  boosts: ReadonlyMap<string, number>,
  limit: number,
): TextAnswer {
  const [first] = matches
  if (first === undefined) return answer
  const documents = answer.documents + first.documents
  const lengths = matches.reduce((sum, { length }) => sum + length, answer.documents * answer.averageLength)
  const averageLength = lengths / (answer.documents + matches.length)
  const asked = [...boosts].map(([term, boost], place) => {
    const added = matches.filter(({ frequencies }) => (frequencies[place] ?? 0) > 0).length
    return { term, boost, frequency: (answer.frequencies.get(term) ?? 0) + added }
  })
  const scored = matches.map(({ id, frequencies, length }) => {
    const score = asked.reduce((sum, { boost, frequency }, place) => {
      const count = frequencies[place] ?? 0
      return count === 0 ? sum : sum + boost * bm25({ count, length, averageLength, documents, frequency })
    }, 0)
    return { id, score }
  })
  const hits = [...answer.hits, ...scored].sort((a, b) => b.score - a.score).slice(0, limit)
  return { documents, averageLength, frequencies: new Map(asked.map((each) => [each.term, each.frequency])), hits }
}
