import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type Condition, daysAfter, type Facts, type Rule } from '../policies/rules.ts'
import type { MemoryTier } from '../records.ts'
import { allOf, Values } from './keyset.ts'

/** A memory as upkeep looks at it: what rules judge by, and what its event has to say. */
export interface Kept extends Facts {
  readonly id: string
  readonly ordinal: number
  readonly version: number
  readonly sessionId: string | null
  readonly occurredAt: Date
  readonly updatedAt: Date
  readonly retentionUntil: Date | null
  /** Until when its owner asked for it to be kept. */
  readonly retentionAsked: Date | null
  /** Since when rules count how long it is kept. */
  readonly keptFrom: Date
  /** Whom it was given to. */
  readonly granted: readonly string[]
}

/** A revision that only changes the retention counts from where the one before did. To the millisecond, as rules do. */
const keptFrom = `date_trunc('milliseconds', coalesce(revision.kept_from, revision.known_from))`

const columns = `memory.id, memory.ordinal::float8 AS ordinal, memory.version, memory.owner_id AS "ownerId",
  memory.session_id AS "sessionId", memory.created_at AS "createdAt", memory.updated_at AS "updatedAt", revision.tier,
  revision.visibility, revision.metadata, revision.occurred_at AS "occurredAt",
  revision.retention_until AS "retentionUntil", revision.retention_asked AS "retentionAsked", ${keptFrom} AS "keptFrom",
  session.mode,
  coalesce(access.accessed_at, memory.created_at) AS "accessedAt", coalesce(access.count, 0) AS accesses,
  ARRAY(SELECT DISTINCT grantee_id FROM memory.grants WHERE grants.memory_id = memory.id)::text[] AS granted`

const from = `memory.memories AS memory
  JOIN memory.revisions AS revision ON revision.memory_id = memory.id AND revision.known_until IS NULL
  LEFT JOIN memory.chat_sessions AS session ON session.id = memory.session_id
  LEFT JOIN memory.accesses AS access ON access.memory_id = memory.id`

/** What is over: at which moment, and of which tiers and memories. */
export interface Over {
  readonly at: Date
  readonly tiers: readonly MemoryTier[] | null
  readonly most: number
  readonly ids?: readonly string[] | null
}

/** Whoever changes a memory holds its present revision: what is being changed is left for another time. */
const hold = 'FOR UPDATE OF revision SKIP LOCKED'

/** From here on the transaction works on what has expired too. */
export async function seeExpired(tx: Transaction): Promise<void> {
  await tx.query(`SET LOCAL mnemograph.moment = ''`)
}

/** The viewer's memories of these names whose time is over. */
export async function expiredOfNames(tx: Transaction, names: readonly string[]): Promise<string[]> {
  const rows = await tx.query<{ id: string }>('SELECT memory.expired_of_names($1::text[]) AS id', [names])
  return rows.map(({ id }) => id)
}

/** What has expired by then is hidden from the transaction again. */
export async function hideExpired(tx: Transaction, moment: Date): Promise<void> {
  await tx.query(`SELECT set_config('mnemograph.moment', $1, true)`, [moment.toISOString()])
}

/**
 * An owner's memories whose time is over, those longest first; held until the transaction ends. Asked for no more than is
 * meant: "or all" would hide from the planner that the first are at hand, and every memory of the owner's would be read.
 */
export async function holdExpired(tx: Transaction, ownerId: string, over: Over): Promise<Kept[]> {
  const { at, tiers, most, ids = null } = over
  const values = new Values()
  const conditions = [
    `revision.owner_id = ${values.add(ownerId, 'uuid')}`,
    `revision.retention_until <= ${values.add(at, 'timestamptz')}`,
  ]
  if (tiers !== null) conditions.push(`revision.tier = ANY (${values.add(tiers, 'text[]')})`)
  if (ids !== null) conditions.push(`memory.id = ANY (${values.add(ids, 'uuid[]')})`)
  return tx.query(
    `SELECT ${columns} FROM ${from} WHERE ${allOf(conditions)}
     ORDER BY revision.retention_until, memory.id LIMIT ${values.add(most, 'integer')} ${hold}`,
    values.list,
  )
}

/** The owner's memories that were made from a session, or from a message. */
export async function madeFrom(
  db: Database,
  ownerId: string,
  source: 'session_id' | 'message_id',
  id: string,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `SELECT id FROM memory.memories WHERE ${source} = $2 AND owner_id = $1 AND forgotten_at IS NULL`,
    [ownerId, id],
  )
  return rows.map((row) => row.id)
}

/** How many of the viewer's memories are over at a moment, of some tiers or of all. */
export async function countExpired(db: Database, at: Date, tiers: readonly MemoryTier[] | null): Promise<number> {
  const [row] = await db.query<{ count: number }>('SELECT memory.count_expired($1, $2::text[]) AS count', [at, tiers])
  return row?.count ?? 0
}

/** What a page of upkeep looks for, beginning after a memory. */
export interface Search {
  readonly ownerId: string
  readonly rules: readonly Rule[]
  readonly now: Date
  readonly after: number
  readonly most: number
}

/** An owner's memories that some of these rules would move to another tier; the rules themselves decide. Held. */
export function holdMovable(tx: Transaction, search: Search): Promise<Kept[]> {
  return findConcerned(
    tx,
    search,
    ({ configuration: { toTier } }, values) => `revision.tier <> ${values.add(toTier)}`,
    hold,
  )
}

/** An owner's memories by their ids; held, without those that somebody else is changing. */
export function holdByIds(tx: Transaction, ownerId: string, ids: readonly string[]): Promise<Kept[]> {
  return tx.query(
    `SELECT ${columns} FROM ${from}
     WHERE memory.id = ANY ($1::uuid[]) AND memory.owner_id = $2 AND memory.forgotten_at IS NULL ORDER BY memory.ordinal ${hold}`,
    [ids, ownerId],
  )
}

/** Waits until nobody else is changing memories: what they are from then on is read anew. */
export async function awaitChanges(tx: Transaction, ids: readonly string[]): Promise<void> {
  await tx.query(
    `SELECT FROM memory.revisions WHERE memory_id = ANY ($1::uuid[]) AND known_until IS NULL ORDER BY memory_id FOR UPDATE`,
    [ids],
  )
}

/** An owner's memories that some of these rules are about and for which there is something to do by them. */
export function findConcerned(
  db: Database,
  search: Search,
  due: (rule: Rule, values: Values) => string,
  held: typeof hold | '' = '',
): Promise<Kept[]> {
  const values = new Values()
  const concerned = search.rules.map((rule) => {
    return `(${allOf([...conditionsOf(rule.configuration.condition, search.now, values), due(rule, values)])})`
  })
  return findPage(db, search, `(${concerned.join(' OR ')})`, values, held)
}

/** An owner's memories that are kept for another time than rules and owner say now. */
export function findMiskept(db: Database, search: Search, held: typeof hold | '' = ''): Promise<Kept[]> {
  const values = new Values()
  const miskept = `revision.retention_until IS DISTINCT FROM ${wantedUntil(search, values)}`
  return findPage(db, search, miskept, values, held)
}

/** The same; held, without those that somebody else is changing. */
export const holdMiskept = (tx: Transaction, search: Search) => findMiskept(tx, search, hold)

/** Until when a memory is to be kept: of what was asked for, and what the first rules of either scope say, the earliest. */
function wantedUntil({ rules, now }: Search, values: Values): string {
  const scopes = [rules.filter(({ ownerId }) => ownerId === null), rules.filter(({ ownerId }) => ownerId !== null)]
  const ends = scopes
    .filter((scope) => scope.length > 0)
    .map((scope) => {
      const cases = scope.map(({ action, configuration: { condition, keepDays } }) => {
        const fits = allOf(conditionsOf(condition, now, values))
        if (action !== 'KEEP') return `WHEN ${fits} THEN NULL`
        return `WHEN ${fits} THEN ${keptFrom} + make_interval(hours => 24 * ${values.add(keepDays, 'integer')})`
      })
      return `CASE ${cases.join(' ')} ELSE NULL::timestamptz END`
    })
  return `least(${['revision.retention_asked', ...ends].join(', ')})`
}

function findPage(
  db: Database,
  { ownerId, after, most }: Search,
  which: string,
  values: Values,
  held: typeof hold | '',
): Promise<Kept[]> {
  const place = `memory.owner_id = ${values.add(ownerId, 'uuid')} AND memory.forgotten_at IS NULL
    AND memory.ordinal > ${values.add(after, 'bigint')}`
  return db.query(
    `SELECT ${columns} FROM ${from} WHERE ${place} AND ${which}
     ORDER BY memory.ordinal LIMIT ${values.add(most, 'integer')} ${held}`,
    values.list,
  )
}

/** What a condition asks of a row: the same as `fits` asks of a memory. */
export function conditionsOf(condition: Condition, now: Date, values: Values): string[] {
  const { tiers, modes, userIds, visibilities, metadata, minAgeDays, idleDays, minAccesses, maxAccesses } = condition
  const before = (days: number) => values.add(daysAfter(now, -days), 'timestamptz')
  const asked: (string | false)[] = [
    tiers != null && `revision.tier = ANY (${values.add(tiers, 'text[]')})`,
    modes != null && `session.mode = ANY (${values.add(modes, 'text[]')})`,
    userIds != null && `memory.owner_id = ANY (${values.add(userIds, 'uuid[]')})`,
    visibilities != null && `revision.visibility = ANY (${values.add(visibilities, 'text[]')})`,
    metadata != null && `revision.metadata @> ${values.add(JSON.stringify(metadata), 'jsonb')}`,
    minAgeDays != null && `memory.created_at <= ${before(minAgeDays)}`,
    idleDays != null && `coalesce(access.accessed_at, memory.created_at) <= ${before(idleDays)}`,
    minAccesses != null && `coalesce(access.count, 0) >= ${values.add(minAccesses, 'integer')}`,
    maxAccesses != null && `coalesce(access.count, 0) <= ${values.add(maxAccesses, 'integer')}`,
  ]
  return asked.filter((each) => each !== false)
}

/** What upkeep changes of a memory. */
export interface Upkept {
  readonly id: string
  readonly revisionId: string
  readonly tier: MemoryTier
  readonly retentionUntil: Date | null
  readonly knownFrom: Date
  /** Null to count from this revision on. */
  readonly keptFrom: Date | null
}

/** Gives memories a revision each that differs by its tier or its retention alone; they must be held. */
export async function insertUpkept(tx: Transaction, changes: readonly Upkept[]): Promise<void> {
  const given = [
    changes.map(({ id }) => id),
    changes.map(({ revisionId }) => revisionId),
    changes.map(({ tier }) => tier),
    changes.map(({ retentionUntil }) => retentionUntil),
    changes.map(({ knownFrom }) => knownFrom),
    changes.map(({ keptFrom }) => keptFrom),
  ]
  const list = `unnest($1::uuid[], $2::uuid[], $3::text[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[])
    AS item (id, revision_id, tier, until, moment, kept_from)`
  await tx.query(
    `UPDATE memory.revisions SET known_until = item.moment FROM ${list}
     WHERE revisions.memory_id = item.id AND revisions.known_until IS NULL`,
    given,
  )
  await tx.query(
    `INSERT INTO memory.revisions (id, memory_id, version, tenant_id, owner_id, content, content_hash, terms, tier, visibility,
                                   metadata, occurred_at, time_inferred, retention_until, retention_asked, kept_from, known_from,
                                   context_analysis, content_packed, compression_metadata)
     SELECT item.revision_id, memory_id, last.version + 1, tenant_id, owner_id, content, content_hash, terms, item.tier, last.visibility,
            metadata, occurred_at, time_inferred, item.until, retention_asked, item.kept_from, item.moment,
            context_analysis, content_packed, compression_metadata
     FROM ${list}
     CROSS JOIN LATERAL (SELECT * FROM memory.revisions WHERE memory_id = item.id ORDER BY version DESC LIMIT 1) AS last`,
    given,
  )
  await tx.query(
    `UPDATE memory.memories SET version = memories.version + 1, updated_at = item.moment, retention_until = item.until
     FROM ${list} WHERE memories.id = item.id`,
    given,
  )
}

export interface Owner {
  readonly tenantId: string
  readonly ownerId: string
}

/** Everybody who has or had memories, or whoever of a tenant, in order. */
export async function ownersOfMemories(
  db: Database,
  after: string | null,
  most: number,
  tenantId: string | null = null,
): Promise<Owner[]> {
  return db.query(
    `SELECT tenant_id AS "tenantId", owner_id AS "ownerId" FROM memory.shelves
     WHERE owner_id = shelf_id AND ($1::uuid IS NULL OR shelf_id > $1) AND ($3::uuid IS NULL OR tenant_id = $3)
     ORDER BY shelf_id LIMIT $2`,
    [after, most, tenantId],
  )
}

/** Whose memories the job has to look at: owners that a rule for upkeep is about or was, or something of whose is over. */
export async function ownersToKeep(db: Database, at: Date, after: string | null, most: number): Promise<Owner[]> {
  return db.query(
    `SELECT shelf.tenant_id AS "tenantId", shelf.owner_id AS "ownerId" FROM memory.shelves AS shelf
     WHERE shelf.owner_id = shelf.shelf_id AND ($2::uuid IS NULL OR shelf.shelf_id > $2)
       AND (EXISTS (SELECT FROM memory.policy_rules AS rule
                    WHERE rule.enabled AND rule.action IN ('MOVE', 'KEEP', 'COMPRESS', 'EXPAND') AND rule.tenant_id = shelf.tenant_id
                      AND (rule.owner_id IS NULL OR rule.owner_id = shelf.owner_id))
         OR EXISTS (SELECT FROM app.retention_policies AS policy
                    WHERE policy.data_type = 'MEMORIES' AND policy.tenant_id = shelf.tenant_id)
         OR EXISTS (SELECT FROM memory.revisions
                    WHERE revisions.owner_id = shelf.owner_id AND revisions.known_until IS NULL
                      AND (revisions.retention_until <= $1
                        OR revisions.retention_until IS DISTINCT FROM revisions.retention_asked)))
     ORDER BY shelf.shelf_id LIMIT $3`,
    [at, after, most],
  )
}
