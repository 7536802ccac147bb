import { randomUUID } from 'node:crypto'
import { FieldDecryptionError } from '../../lib/field-encryption.ts'
import { auditContext } from '../audit/context.ts'
import { verifyAudit } from '../audit/verify.ts'
import type { Database } from '../postgres/postgres.ts'
import { roleName, SERVICE_ROLES, type SecurityContext } from '../postgres/security.ts'
import type { Stores } from '../stores.ts'
import { type Examination, insist, Unhealthy } from './check.ts'

const timeoutMs = 15_000

/** Tables with an owner whose changes are not in the audit, each with the reason; every other one must be watched. */
const unwatched: Readonly<Record<string, string>> = {
  'agents.blackboards': 'counts the events of a blackboard, which are watched',
  'app.idempotency': 'keeps answers to repeated keys',
  'knowledge.casing': 'is derived from memories by a projector',
  'knowledge.concepts': 'is derived from memories by a projector',
  'knowledge.corpora': 'is derived from memories by a projector',
  'knowledge.forms': 'is derived from memories by a projector',
  'knowledge.mentions': 'is derived from memories by a projector',
  'knowledge.readings': 'is derived from memories by a projector',
  'knowledge.relations': 'is derived from memories by a projector',
  'memory.accesses': 'counts reads',
  'memory.context_analysis_cache': 'can be made again',
  'memory.embeddings': 'is derived from memories and texts by a projector',
  'memory.memories': 'changes with its revisions, which are watched',
  'memory.objects_to_remove': 'is a list of work',
  'memory.past_postings': 'is derived from revisions',
  'memory.policy_decisions': 'is a log itself, which nobody changes',
  'memory.postings': 'is derived from revisions',
  'memory.prompts': 'is the content of messages, which are watched',
  'memory.rules_to_apply': 'is a list of work',
  'memory.shelves': 'counts postings',
  'users.refresh_tokens': 'belongs to sign-ins, which are watched',
}

/** Proves, on the running system, that what protects it is in place and works. */
export function securityExaminations(stores: Stores): readonly Examination[] {
  const none = (name: string, sql: string, wrong: string, right: string, values: unknown[] = []): Examination => ({
    name,
    look: () => lookForNone(stores, sql, values, wrong, right),
  })
  return [
    none('row-level security', UNFORCED, 'not forced on', 'forced on every table with an owner'),
    none('policies', WITHOUT_POLICY, 'none on', 'every table with an owner has some'),
    none('roles', POWERFUL, 'may get past policies:', 'none may sign in or get past policies'),
    none('functions', LOOSE_FUNCTIONS, 'may be misused:', 'those that read past policies are narrow'),
    none('audit triggers', UNWATCHED, 'missing on', 'on every table that is audited', [Object.keys(unwatched)]),
    none('append-only', CHANGEABLE, 'may be changed by', 'no service may change the audit', [
      SERVICE_ROLES.map(roleName),
    ]),
    { name: 'audit chain', look: () => lookAtChain(stores) },
    { name: 'isolation', look: () => lookAsStranger(stores) },
    { name: 'security context', look: () => lookAtContext(stores) },
    { name: 'vector access', look: () => lookAtVectors(stores) },
    { name: 'field encryption', look: async () => lookAtFields(stores) },
    { name: 'tokens', look: () => lookAtTokens(stores) },
  ]
}

const UNFORCED = `SELECT name::text FROM app.owned_tables JOIN pg_class ON pg_class.oid = name
  WHERE NOT (relrowsecurity AND relforcerowsecurity)`
const WITHOUT_POLICY = `SELECT name::text FROM app.owned_tables WHERE NOT EXISTS (SELECT FROM pg_policy WHERE polrelid = name)`
const POWERFUL = `SELECT rolname AS name FROM pg_roles WHERE rolname LIKE 'mnemograph\\_%'
  AND (rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)`
const LOOSE_FUNCTIONS = `SELECT proname AS name FROM pg_proc JOIN pg_namespace ON pg_namespace.oid = pronamespace
  WHERE prosecdef AND nspname IN ('app', 'events', 'audit', 'users', 'memory', 'knowledge', 'agents')
    AND NOT coalesce(proconfig::text, '') LIKE '%search_path=pg_catalog%'`
const UNWATCHED = `SELECT name::text FROM (
    SELECT name FROM app.owned_tables UNION
    SELECT pg_class.oid::regclass FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE nspname = 'users' AND relname = 'users') AS watched
  WHERE name::text <> ALL ($1::text[]) AND NOT EXISTS (
  SELECT FROM pg_trigger WHERE tgrelid = name AND tgname = 'audit_update' AND tgenabled <> 'D')`
const CHANGEABLE = `SELECT role AS name FROM unnest($1::text[]) AS role WHERE has_table_privilege(role, 'audit.audit_log', 'UPDATE, DELETE, TRUNCATE')
  OR has_table_privilege(role, 'audit.seals', 'UPDATE, DELETE, TRUNCATE')`

function lookForNone(
  { postgres }: Stores,
  sql: string,
  values: unknown[],
  wrong: string,
  right: string,
): Promise<string> {
  return postgres.read(auditContext('doctor'), async (db) => {
    const found = (await db.query<{ name: string }>(sql, values)).map(({ name }) => name)
    insist(found.length === 0, `${wrong} ${found.slice(0, 10).join(', ')}`)
    return right
  })
}

async function lookAtChain({ postgres, signer }: Stores): Promise<string> {
  const { ok, seals, entries, problems } = await verifyAudit(postgres, signer)
  insist(ok, problems.join('; '))
  return `${seals} links vouch for ${entries} entries`
}

/** Somebody who does not exist must see nothing, in every room. */
async function lookAsStranger({ postgres }: Stores): Promise<string> {
  let tables = 0
  for (const [role, names] of Object.entries(readable)) {
    await postgres.read(stranger(role as keyof typeof readable), async (db) => {
      for (const name of names) {
        const [row] = await db.query<{ seen: boolean }>(`SELECT EXISTS (SELECT FROM ${name}) AS seen`)
        insist(row?.seen === false, `a stranger sees rows of ${name}`)
        tables += 1
      }
    })
  }
  return `a stranger sees no row of ${tables} tables`
}

const readable = {
  users: ['users.users', 'users.sessions', 'users.encrypted_fields', 'users.privacy_requests'],
  memory: ['memory.memories', 'memory.revisions', 'memory.messages', 'memory.chat_sessions', 'memory.postings'],
  knowledge: ['knowledge.concepts', 'knowledge.mentions', 'knowledge.relations'],
  agents: ['agents.agents', 'agents.tools', 'agents.blackboard_events'],
} as const

async function lookAtContext({ postgres }: Stores): Promise<string> {
  const context = stranger('memory')
  const { userId, sessionId, tenantId } = context
  return postgres.read(context, async (db: Database) => {
    const [now] = await db.query(
      `SELECT app.get_current_user_id() AS "userId", app.get_current_session_id() AS "sessionId",
         app.get_current_tenant_id() AS "tenantId", app.get_current_service_name() AS service`,
    )
    const wanted = JSON.stringify({ userId, sessionId, tenantId, service: 'memory' })
    insist(JSON.stringify(now) === wanted, 'the database does not know who asks')
    return 'reaches the database'
  })
}

function lookAtVectors({ postgres, vectors }: Stores): Promise<string> {
  const context = stranger('memory')
  return postgres.read(context, async (db) => {
    const [row] = await db.query<{ shelves: string[] }>(`SELECT app.granted_shelves('MEMORIES')::text[] AS shelves`)
    insist(row?.shelves.length === 0, 'a stranger has grants')
    insist((await vectors.count([context.userId ?? ''])) === 0, 'a stranger has vectors')
    return 'a stranger may search nobody’s'
  })
}

function lookAtFields({ fields }: Stores): string {
  const place = { table: 'doctor', column: 'value', row: randomUUID() }
  const owner = Buffer.alloc(32, 1)
  const sealed = fields.seal('doctor', place, owner)
  insist(fields.open(sealed, place, owner).toString() === 'doctor', 'does not open what it sealed')
  try {
    fields.open(sealed, { ...place, row: randomUUID() }, owner)
  } catch (error) {
    if (error instanceof FieldDecryptionError) return `seals with key ${fields.keyId}, and opens nothing that was moved`
    throw error
  }
  throw new Unhealthy('opens what was moved to another row')
}

async function lookAtTokens({ tokens }: Stores): Promise<string> {
  const { tenantId, userId, sessionId } = stranger('users')
  const viewer = {
    tenantId: tenantId ?? '',
    userId: userId ?? '',
    sessionId: sessionId ?? '',
    role: 'MEMBER',
    scopes: [],
  } as const
  const { token } = await tokens.issue(viewer)
  insist((await tokens.verify(token)).viewer.userId === userId, 'are not verified')
  const [head, , signature] = token.split('.')
  const forged = Buffer.from(JSON.stringify({ sub: userId, role: 'ADMIN' })).toString('base64url')
  const taken = await tokens.verify(`${head}.${forged}.${signature}`).then(
    () => true,
    () => false,
  )
  insist(!taken, 'are taken when they are forged')
  return 'are verified, and refused when they are forged'
}

function stranger(role: SecurityContext['role']): SecurityContext {
  const deadline = Date.now() + timeoutMs
  return { role, tenantId: randomUUID(), userId: randomUUID(), sessionId: randomUUID(), traceId: 'doctor', deadline }
}
