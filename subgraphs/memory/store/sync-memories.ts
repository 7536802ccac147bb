import type { Database } from '../../../stores/postgres/postgres.ts'

/** The memories that a session has learned, oldest first; or those named, of any tier. */
export async function knowledgeIds(
  db: Database,
  sessionId: string,
  named: readonly string[],
  most: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM memory.current_memories
     WHERE session_id = $1 AND owner_id = (SELECT app.current_user_id())
       AND CASE WHEN cardinality($2::uuid[]) > 0 THEN id = ANY ($2) ELSE tier IN ('SEMANTIC', 'SHARED') END
     ORDER BY position LIMIT $3`,
    [sessionId, named, most],
  )
  return rows.map(({ id }) => id)
}

/** What a session knows already in the same words, by the ids of what is handed to it. */
export async function twinIds(db: Database, ids: readonly string[], sessionId: string): Promise<Map<string, string>> {
  const rows = await db.query<{ id: string; twin: string }>(
    `SELECT DISTINCT ON (given.id) given.id, twin.id AS twin FROM memory.current_memories AS given
     JOIN memory.current_memories AS twin ON twin.session_id = $2 AND twin.content_hash = given.content_hash
       AND twin.owner_id = given.owner_id
     WHERE given.id = ANY ($1::uuid[]) ORDER BY given.id, twin.position`,
    [ids, sessionId],
  )
  return new Map(rows.map(({ id, twin }) => [id, twin]))
}
