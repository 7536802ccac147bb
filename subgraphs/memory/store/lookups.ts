import type { Viewer } from '../../../lib/context.ts'
import type { Database } from '../../../stores/postgres/postgres.ts'

/** Which of these sessions are the viewer's. */
export async function ownedSessions(db: Database, viewer: Viewer, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db.prisma.chatSession.findMany({
    where: { id: { in: [...ids] }, ownerId: viewer.userId },
    select: { id: true },
  })
  return new Set(rows.map((row) => row.id))
}

/** Which of these are the viewer's, of what another room holds to be known. */
export async function knownNodes(db: Database, ids: readonly string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set()
  const rows = await db.query<{ id: string }>(
    'SELECT id FROM unnest($1::uuid[]) AS id WHERE knowledge.node_exists(id)',
    [ids],
  )
  return new Set(rows.map(({ id }) => id))
}

/** The viewer's memories by the names that he gave them. */
export async function findNamedMemories(
  db: Database,
  viewer: Viewer,
  names: readonly string[],
): Promise<Map<string, string>> {
  if (names.length === 0) return new Map()
  const rows = await db.prisma.memory.findMany({
    where: { ownerId: viewer.userId, externalId: { in: [...names] }, forgottenAt: null },
    select: { id: true, externalId: true },
  })
  return new Map(rows.map((row) => [row.externalId ?? '', row.id]))
}
