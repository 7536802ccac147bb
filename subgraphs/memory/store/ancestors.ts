import type { Database } from '../../../stores/postgres/postgres.ts'

const mostAncestors = 20

/** The sessions that sessions continue, the parent first, as far as the viewer may see the way to them. */
export async function ancestorsOf(db: Database, sessionIds: readonly string[]): Promise<Map<string, string[]>> {
  const rows = await db.query<{ of: string; id: string }>(
    `WITH RECURSIVE line AS (
       SELECT session.id AS of, session.parent_id AS id, 1 AS depth
       FROM memory.chat_sessions AS session WHERE session.id = ANY ($1::uuid[]) AND session.parent_id IS NOT NULL
       UNION ALL
       SELECT line.of, parent.parent_id, line.depth + 1
       FROM line JOIN memory.chat_sessions AS parent ON parent.id = line.id
       WHERE parent.parent_id IS NOT NULL AND line.depth < ${mostAncestors}
     )
     SELECT of, id FROM line ORDER BY of, depth`,
    [sessionIds],
  )
  return new Map([...Map.groupBy(rows, ({ of }) => of)].map(([of, line]) => [of, line.map(({ id }) => id)]))
}
