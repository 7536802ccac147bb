import { type Page, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { invalidInput, type Problem } from '../../../lib/problems.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { checkObject, checkShare, checkText, firstProblem } from '../../checks.ts'
import { given } from '../../given.ts'
import { keyset } from '../../keyset.ts'
import { type Answer, mutate } from '../../mutate.ts'
import { requireViewer, securityOf } from '../../security.ts'
import type { KnowledgeContext } from '../context.ts'
import { ownSession } from './service.ts'
import type { Owner } from './store.ts'

export interface RecordLearningPatternInput {
  readonly key: string
  readonly type: string
  readonly content: unknown
  readonly succeeded?: boolean | null
  readonly confidence?: number | null
  readonly sessionId?: string | null
  readonly clientMutationId?: string | null
}

export interface PatternRecord {
  readonly id: string
  readonly ordinal: number
  readonly key: string
  readonly type: string
  readonly content: unknown
  readonly confidence: number
  readonly usageCount: number
  readonly successCount: number
  readonly sessionId: string | null
  readonly createdAt: Date
  readonly updatedAt: Date
}

/** Counts one use of a pattern. */
export async function recordLearningPattern({ stores, request }: KnowledgeContext, input: RecordLearningPatternInput) {
  const viewer = requireViewer(request)
  const problem = checkPattern(input)
  if (problem) return problem
  return mutate(
    stores,
    request,
    { name: 'recordLearningPattern', input, room: 'knowledge' },
    async ({ tx, append }) => {
      await tx.lock(`pattern:${viewer.userId}:${input.key}`)
      const sessionId = await ownSession(tx, input.sessionId)
      const draft = { id: stores.ids.next(), input, sessionId }
      const { id, usageCount } = await countUse(tx, viewer, draft, stores.clock.now())
      const audience = [viewer.userId]
      await append([
        { kind: 'PATTERN_USED', type: 'LearningPattern', id, version: usageCount, before: audience, after: audience },
      ])
      return { __typename: 'RecordLearningPatternSuccess', patternId: id } satisfies Answer
    },
  )
}

export async function learningPatterns(
  { stores, request }: KnowledgeContext,
  args: PageArguments & { readonly type?: string | null },
) {
  const { userId } = requireViewer(request)
  const type = args.type ?? null
  const page = parsePage(args, ['learningPatterns', type])
  // No type is so long, or holds such a character.
  if (checkText(type, 100, [])) return toConnection<PatternRecord>([], page, () => [])
  const rows = await stores.postgres.read(securityOf(request, 'knowledge'), (db) => patternPage(db, userId, type, page))
  return toConnection(rows, page, ({ ordinal }) => [ordinal])
}

const columns = `id, ordinal::float8 AS ordinal, pattern_key AS key, pattern_type AS type, pattern_content AS content, confidence,
  usage_count AS "usageCount", success_count AS "successCount", session_id AS "sessionId", created_at AS "createdAt",
  updated_at AS "updatedAt"`

export function patternsByIds(db: Database, ids: readonly string[]): Promise<PatternRecord[]> {
  return db.query(`SELECT ${columns} FROM knowledge.learning_patterns WHERE id = ANY (${given('$1')})`, [ids])
}

function patternPage(db: Database, userId: string, type: string | null, page: Page): Promise<PatternRecord[]> {
  const { where, orderBy, limit, values } = keyset([{ sql: 'ordinal', type: 'bigint', descending: true }], page, 2)
  return db.query(
    `SELECT ${columns} FROM knowledge.learning_patterns
     WHERE owner_id = $1 AND ($2::text IS NULL OR pattern_type = $2) AND ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    [userId, type, ...values],
  )
}

interface Use {
  readonly id: string
  readonly input: RecordLearningPatternInput
  readonly sessionId: string | null
}

async function countUse(tx: Transaction, owner: Owner, { id, input, sessionId }: Use, now: Date) {
  const won = (input.succeeded ?? true) ? 1 : 0
  const [row] = await tx.query<{ id: string; usageCount: number }>(
    `INSERT INTO knowledge.learning_patterns AS known (id, tenant_id, owner_id, pattern_key, pattern_type, pattern_content,
       confidence, usage_count, success_count, session_id, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, coalesce($7::double precision, ($8 + 1) / 3.0), 1, $8::integer, $9, $10, $10)
     ON CONFLICT (owner_id, pattern_key) DO UPDATE SET pattern_type = excluded.pattern_type,
       pattern_content = excluded.pattern_content, usage_count = known.usage_count + 1,
       success_count = known.success_count + $8, session_id = coalesce(excluded.session_id, known.session_id),
       confidence = coalesce($7::double precision, (known.success_count + $8 + 1.0) / (known.usage_count + 3.0)),
       updated_at = excluded.updated_at
     RETURNING id, usage_count AS "usageCount"`,
    [
      id,
      owner.tenantId,
      owner.userId,
      input.key,
      input.type,
      JSON.stringify(input.content),
      input.confidence ?? null,
      won,
      sessionId,
      now,
    ],
  )
  if (!row) throw new Error('a pattern that was just written is there')
  return row
}

function checkPattern({ key, type, content, confidence }: RecordLearningPatternInput): Problem | null {
  return firstProblem(
    () => checkText(key, 256, ['input', 'key'], 1),
    () => checkText(type, 100, ['input', 'type'], 1),
    () => (content === null ? invalidInput('A JSON object is needed.', 'input', 'content') : null),
    () => checkObject(content, ['input', 'content']),
    () => checkShare(confidence, ['input', 'confidence']),
  )
}
