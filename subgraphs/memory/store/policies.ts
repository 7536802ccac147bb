import type { Page } from '../../../lib/connection.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { Configuration, PolicyAction, PolicyKind, Rule } from '../policies/rules.ts'
import type { ChatMode } from '../records.ts'
import { allOf, keyset, Values } from './keyset.ts'

/** A rule with what a client is shown of it. */
export interface RuleRecord extends Rule {
  readonly id: string
  readonly ordinal: number
  readonly enabled: boolean
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

const brief = `rule.id, rule.owner_id AS "ownerId", rule.name, rule.kind, rule.action, rule.priority, rule.configuration`
const columns = `${brief}, rule.ordinal::float8 AS ordinal, rule.enabled, rule.version, rule.created_at AS "createdAt",
  rule.updated_at AS "updatedAt"`

/** The rules in force for memories of these owners: theirs and the tenant's, of which its default of retention is one. */
export async function rulesOfOwners(db: Database, owners: readonly string[]): Promise<Rule[]> {
  return db.query<Rule>(
    `SELECT ${brief} FROM memory.rules_of($1::uuid[]) AS rule
     UNION ALL
     SELECT NULL, NULL, 'setRetentionPolicy MEMORIES', 'RETENTION', 'KEEP', -2147483648,
            jsonb_build_object('condition', '{}'::jsonb, 'keepDays', keep_days)
     FROM app.retention_policies WHERE data_type = 'MEMORIES'`,
    [owners],
  )
}

export interface Circumstances {
  readonly id: string
  readonly mode: ChatMode | null
  readonly accessedAt: Date | null
  readonly accesses: number
}

/** What rules judge memories by beside their own rows. */
export async function circumstancesOf(db: Database, ids: readonly string[]): Promise<Map<string, Circumstances>> {
  const rows = await db.query<Circumstances>('SELECT * FROM memory.circumstances($1::uuid[])', [ids])
  return new Map(rows.map((row) => [row.id, row]))
}

/** The modes of the viewer's sessions. */
export async function modesOf(db: Database, sessionIds: readonly string[]): Promise<Map<string, ChatMode>> {
  const rows = await db.query<{ id: string; mode: ChatMode }>(
    'SELECT id, mode FROM memory.chat_sessions WHERE id = ANY ($1::uuid[])',
    [sessionIds],
  )
  return new Map(rows.map(({ id, mode }) => [id, mode]))
}

export async function rulesByIds(db: Database, ids: readonly string[]): Promise<RuleRecord[]> {
  return db.query(`SELECT ${columns} FROM memory.policy_rules AS rule WHERE rule.id = ANY (${given('$1')})`, [ids])
}

/** A page of the rules that the viewer may see, in the order they were made. */
export async function rulePage(db: Database, kind: PolicyKind | null, page: Page): Promise<RuleRecord[]> {
  const values = new Values()
  const { bounds, direction, limit } = keyset(page, 'rule.ordinal', 'ASC', values)
  const conditions = kind === null ? bounds : [...bounds, `rule.kind = ${values.add(kind)}`]
  return db.query(
    `SELECT ${columns} FROM memory.policy_rules AS rule WHERE ${allOf(conditions)} ORDER BY rule.ordinal ${direction} LIMIT ${limit}`,
    values.list,
  )
}

export async function countRules(db: Database, kind: PolicyKind | null): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    'SELECT count(*)::integer AS count FROM memory.policy_rules WHERE $1::text IS NULL OR kind = $1',
    [kind],
  )
  return row?.count ?? 0
}

/** Those of one scope: an owner's, or the tenant's for null. */
export async function rulesOfScope(db: Database, ownerId: string | null): Promise<RuleRecord[]> {
  return db.query(
    `SELECT ${columns} FROM memory.policy_rules AS rule WHERE rule.owner_id IS NOT DISTINCT FROM $1::uuid`,
    [ownerId],
  )
}

export async function mayLead(db: Database): Promise<boolean> {
  const [row] = await db.query<{ may: boolean }>('SELECT app.is_admin() AS may')
  return row?.may === true
}

export interface RuleDraft {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string | null
  readonly name: string
  readonly kind: PolicyKind
  readonly action: PolicyAction
  readonly priority: number
  readonly enabled: boolean
  readonly configuration: Configuration
  readonly version: number
}

/** Puts a rule in, or in the place of the one of that id. */
export async function putRule(tx: Transaction, rule: RuleDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.policy_rules (id, tenant_id, owner_id, name, kind, action, priority, enabled, configuration, version,
                                      created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
     ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, action = excluded.action, priority = excluded.priority,
       enabled = excluded.enabled, configuration = excluded.configuration, version = excluded.version,
       updated_at = excluded.updated_at`,
    [
      rule.id,
      rule.tenantId,
      rule.ownerId,
      rule.name,
      rule.kind,
      rule.action,
      rule.priority,
      rule.enabled,
      JSON.stringify(rule.configuration),
      rule.version,
      now,
    ],
  )
}

export async function removeRule(tx: Transaction, id: string): Promise<void> {
  await tx.query('DELETE FROM memory.policy_rules WHERE id = $1', [id])
}
