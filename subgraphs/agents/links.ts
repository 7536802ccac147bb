import type { Database } from '../../stores/postgres/postgres.ts'

/** A row that ties two things together: a grant of a tool, or taking part in a session. */
export interface LinkRecord {
  readonly parent: string
  readonly child: string
  readonly ordinal: string
  readonly createdAt: Date
}

interface LinkTable {
  readonly table: string
  readonly parent: string
  readonly child: string
  readonly latestFirst: boolean
}

/** The lists that hang on an object, each read from one table of links. */
const linkTables = {
  toolsOfAgent: { table: 'agents.tool_grants', parent: 'agent_id', child: 'tool_id', latestFirst: false },
  agentsOfTool: { table: 'agents.tool_grants', parent: 'tool_id', child: 'agent_id', latestFirst: false },
  sessionsOfAgent: { table: 'agents.participations', parent: 'agent_id', child: 'session_id', latestFirst: true },
  agentsOfSession: { table: 'agents.participations', parent: 'session_id', child: 'agent_id', latestFirst: false },
} as const satisfies Record<string, LinkTable>

export type LinkList = keyof typeof linkTables

/** Which part of each list: ordinals between which it lies, and how many from which end. */
export interface LinkPage {
  readonly after: string | null
  readonly before: string | null
  readonly limit: number
  readonly backwards: boolean
}

/** The same page of many parents' lists, in one statement; rows stand in the order of the page. */
export function readLinks(
  db: Database,
  list: LinkList,
  parents: readonly string[],
  page: LinkPage,
): Promise<LinkRecord[]> {
  const { table, parent, child, latestFirst } = linkTables[list]
  const direction = latestFirst === page.backwards ? 'ASC' : 'DESC'
  const [lower, upper] = latestFirst ? [page.before, page.after] : [page.after, page.before]
  return db.query<LinkRecord>(
    `SELECT parents.id AS parent, link.child, link.ordinal::text AS ordinal, link.created_at AS "createdAt"
     FROM unnest($1::uuid[]) AS parents (id) CROSS JOIN LATERAL (
       SELECT ${child} AS child, ordinal, created_at FROM ${table}
       WHERE ${parent} = parents.id AND ($2::bigint IS NULL OR ordinal > $2) AND ($3::bigint IS NULL OR ordinal < $3)
       ORDER BY ordinal ${direction} LIMIT $4
     ) AS link
     ORDER BY parents.id, link.ordinal ${direction}`,
    [parents, lower, upper, page.limit],
  )
}

export async function countLinks(
  db: Database,
  list: LinkList,
  parents: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { table, parent } = linkTables[list]
  const rows = await db.query<{ parent: string; count: number }>(
    `SELECT ${parent} AS parent, count(*)::integer AS count FROM ${table} WHERE ${parent} = ANY ($1) GROUP BY 1`,
    [parents],
  )
  return new Map(rows.map((row) => [row.parent, row.count]))
}
