import type { MemoryContext } from '../../context.ts'
import { turnsByVectors } from '../../store/turns.ts'
import { searchVectors } from '../search-vectors.ts'

/** The viewer's turns whose questions are nearest to a text. */
export async function similarTurns(context: MemoryContext, query: string, first: number) {
  const filter = { kinds: ['QUERY'] as const }
  const { hits } = await searchVectors(context, {
    query,
    collection: 'CONVERSATION_CONTEXT',
    filter,
    by: 'MEANING',
    first,
  })
  const turns = await context.read((db) =>
    turnsByVectors(
      db,
      hits.map(({ vector }) => vector.id),
    ),
  )
  const found = hits.flatMap(({ vector, score }) => {
    const turn = turns.get(vector.id)
    return turn ? [{ turn, score }] : []
  })
  // The same question asked again is as near: the latest of them first.
  return found.sort((one, other) => other.score - one.score || other.turn.ordinal - one.turn.ordinal)
}
