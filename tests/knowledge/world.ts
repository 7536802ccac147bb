import { createHash, randomUUID } from 'node:crypto'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { openSqlGraph } from '../../stores/graph/sql.ts'
import { appendEvents, type EventDraft } from '../../stores/log/log.ts'
import type { Postgres, Transaction } from '../../stores/postgres/postgres.ts'
import { type Projectors, runProjectors } from '../../stores/projector.ts'
import type { Stores } from '../../stores/stores.ts'
import { createExtractor } from '../../subgraphs/knowledge/extraction/extractor.ts'
import { room } from '../../subgraphs/knowledge/index.ts'
import { conceptsProjector } from '../../subgraphs/knowledge/projection/projector.ts'
import { defineRoom } from '../../subgraphs/subgraph.ts'
import { contextOf } from '../kit/contexts.ts'
import type { TestPostgres } from '../kit/postgres.ts'
import { openRoomWorld, type RoomWorld, viewerOf } from '../kit/room-world.ts'

/** Milliseconds after which a projector is stuck rather than slow. */
export const patience = 60_000

export interface Text {
  readonly content: string
  readonly sessionId?: string
  readonly occurredAt?: Date
}

/** The knowledge room over a real database, with memories written as the memory room leaves them. */
export interface KnowledgeWorld extends RoomWorld {
  readonly projectors: Projectors
  /** Resolves when all that was written is projected. */
  caughtUp(): Promise<void>
  /** Writes memories in one transaction; answers their rows' ids. */
  remember(viewer: Viewer, ...texts: readonly (string | Text)[]): Promise<string[]>
  revise(viewer: Viewer, memoryId: string, content: string): Promise<void>
  forget(viewer: Viewer, memoryId: string): Promise<void>
  /** The field's data; fails on any error. */
  // biome-ignore lint/suspicious/noExplicitAny: a test knows what it selected
  ask(viewer: Viewer, source: string, variables?: Record<string, unknown>): Promise<any>
}

/** @param through what lies between the room's queries and the database, to look at both */
export async function openKnowledgeWorld(
  database?: TestPostgres,
  through: (postgres: Postgres) => Postgres = (postgres) => postgres,
): Promise<KnowledgeWorld> {
  const world = await openRoomWorld(withGraph(through), database)
  const { stores } = world
  await world.database.sql("INSERT INTO app.tenants (id, name) VALUES ($1, 'test')", [defaultTenantId])
  const projectors = await runProjectors(stores, [conceptsProjector(stores, createExtractor())], stores.logger)
  const write = <T>({ tenantId, userId }: Viewer, work: (tx: Transaction) => Promise<T>) =>
    stores.postgres.write(contextOf({ role: 'memory', tenantId, userId }), work)
  const opened: KnowledgeWorld = {
    ...world,
    projectors,
    caughtUp: () => projectors.caughtUp(AbortSignal.timeout(patience)),
    remember: (viewer, ...texts) =>
      write(viewer, async (tx) => {
        const memories = texts.map((text) => toMemory(viewer, typeof text === 'string' ? { content: text } : text))
        await tx.query(INSERT, [JSON.stringify(memories)])
        await appendEvents(
          tx,
          memories.map(({ id }) => draft('CREATED', id, 1, viewer)),
        )
        return memories.map(({ id }) => id)
      }),
    revise: (viewer, id, content) =>
      write(viewer, async (tx) => {
        const hash = createHash('sha256').update(content).digest()
        const [row] = await tx.query<{ version: number }>(REVISE, [id])
        await tx.query(REPLACE, [randomUUID(), id, row?.version, content, hash])
        await appendEvents(tx, [draft('REVISED', id, row?.version ?? 0, viewer)])
      }),
    forget: (viewer, id) =>
      write(viewer, async (tx) => {
        await tx.query('DELETE FROM memory.revisions WHERE memory_id = $1', [id])
        const [row] = await tx.query<{ version: number }>(FORGET, [id])
        await appendEvents(tx, [draft('FORGOTTEN', id, row?.version ?? 0, viewer)])
      }),
    async ask(viewer, source, variables = {}) {
      await opened.caughtUp()
      const { data, errors } = await world.run(viewer, source, variables)
      if (errors.length > 0) throw new Error(JSON.stringify(errors))
      return data
    },
    async close() {
      await projectors.close()
      await world.close()
    },
  }
  // A projector empties its tables before its first event, and the extractor loads its model: not in a test's time.
  await opened.remember(viewerOf(), 'nothing')
  await opened.caughtUp()
  return opened
}

/** The room as it is defined, with the graph store that a world of one room leaves out. */
function withGraph(through: (postgres: Postgres) => Postgres) {
  const graphed = (stores: Stores): Stores => {
    const postgres = through(stores.postgres)
    return { ...stores, postgres, graph: openSqlGraph(postgres) }
  }
  return defineRoom({ ...room, context: (stores, request) => room.context(graphed(stores), request) })
}

export const conceptId = (uuid: string) => toGlobalId('Concept', uuid)
export const memoryId = (uuid: string) => toGlobalId('Memory', uuid)

function toMemory({ tenantId, userId }: Viewer, { content, sessionId, occurredAt }: Text) {
  const hash = createHash('sha256').update(content).digest('hex')
  const id = randomUUID()
  const at = occurredAt ?? new Date('2026-05-15T15:00:00Z')
  return { id, revision: randomUUID(), tenantId, userId, content, hash, sessionId: sessionId ?? null, at }
}

function draft(kind: string, id: string, version: number, { userId }: Viewer): EventDraft {
  const payload = { tier: 'EPISODIC', visibility: 'PRIVATE', sessionId: null, occurredAt: '2026-05-15T15:00:00.000Z' }
  return { kind, type: 'Memory', id, version, before: [userId], after: [userId], payload }
}

const INSERT = `WITH given AS (
  SELECT * FROM jsonb_to_recordset($1::jsonb) AS r (id uuid, revision uuid, "tenantId" uuid, "userId" uuid, content text,
                                                    hash text, "sessionId" uuid, at timestamptz)
), sessions AS (
  INSERT INTO memory.chat_sessions (id, tenant_id, owner_id, mode, created_at, updated_at)
  SELECT DISTINCT "sessionId", "tenantId", "userId", 'SIMPLE', now(), now() FROM given WHERE "sessionId" IS NOT NULL
  ON CONFLICT (id) DO NOTHING
), memories AS (
  INSERT INTO memory.memories (id, tenant_id, owner_id, session_id, visibility, created_at, updated_at)
  SELECT id, "tenantId", "userId", "sessionId", 'PRIVATE', at, at FROM given
)
INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier, visibility,
                              occurred_at, time_inferred, known_from)
SELECT revision, id, 1, "tenantId", "userId", content, decode(hash, 'hex'), '{}', 'EPISODIC', 'PRIVATE', at, false, at FROM given`

const REVISE = `WITH closed AS (
  UPDATE memory.revisions SET known_until = now() WHERE memory_id = $1 AND known_until IS NULL
)
UPDATE memory.memories SET version = version + 1, updated_at = now() WHERE id = $1 RETURNING version`

const REPLACE = `INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier,
                                            visibility, occurred_at, time_inferred, known_from)
SELECT $1, memory_id, $3, tenant_id, owner_id, $4, $5, '{}', tier, visibility, occurred_at, false, now()
FROM memory.revisions WHERE memory_id = $2 AND version = $3 - 1`

const FORGET = `UPDATE memory.memories SET version = version + 1, forgotten_at = now() WHERE id = $1 RETURNING version`
