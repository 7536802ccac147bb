import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import type { Casing } from '../extraction/types.ts'
import type { Change, ConceptRow, Difference, Form, Reading } from './changes.ts'
import { type CountedForm, chooseForm } from './forms.ts'

/** Every derived table of the room, what refers before what is referred to. */
const tables = ['relations', 'mentions', 'forms', 'concepts', 'casing', 'readings', 'corpora']

/** Empties the room's derived tables. */
export async function clearTables(tx: Transaction): Promise<void> {
  await tx.query(`TRUNCATE ${tables.map((name) => `knowledge.${name}`).join(', ')}`)
}

/** What is stored of one memory: its present version, null when it is gone, and what was read of it last. */
export interface Stored {
  readonly memoryId: string
  readonly tenantId: string
  readonly ownerId: string
  readonly version: number | null
  readonly words: StoredWords | null
  readonly forms: readonly Form[]
}

/** Word, then how often small, with a capital, and with a capital that its place gives. */
export type StoredWords = readonly (readonly [word: string, lower: number, capitalised: number, initial: number])[]

export function readWords(words: StoredWords): Map<string, Casing> {
  return new Map(words.map(([word, lower, capitalised, initial]) => [word, { lower, capitalised, initial }]))
}

/** The memories of a batch as they stand now. */
export async function storedOf(tx: Transaction, memoryIds: readonly string[]): Promise<Map<string, Stored>> {
  const [memories, readings] = await Promise.all([
    tx.query<StoredMemory>(MEMORIES, [memoryIds]),
    tx.query<StoredReading>(READINGS, [memoryIds]),
  ])
  const read = readings.map(({ memoryId }) => memoryId)
  const mentions = read.length === 0 ? [] : await tx.query<Form & { memoryId: string }>(MENTIONS, [read])
  const forms = Map.groupBy(mentions, (mention) => mention.memoryId)
  const stored = new Map<string, Stored>()
  for (const memory of memories) stored.set(memory.memoryId, { ...memory, words: null, forms: [] })
  for (const reading of readings) {
    const version = stored.get(reading.memoryId)?.version ?? null
    stored.set(reading.memoryId, { ...reading, version, forms: forms.get(reading.memoryId) ?? [] })
  }
  return stored
}

type StoredMemory = Omit<Stored, 'words' | 'forms'>
type StoredReading = Omit<Stored, 'version' | 'forms'>

/** Writes what changed, set by set. Only a set that lost something may have rows left that count nothing. */
export async function writeDifference(tx: Transaction, difference: Difference): Promise<void> {
  const { concepts, mentionCounts, mentions, lostMentions, relations, casing, corpora } = difference
  await writeConcepts(tx, difference)
  await run(tx, PUT_MENTIONS, mentions)
  await run(tx, REMOVE_MENTIONS, lostMentions)
  await run(tx, ADD_RELATIONS, relations)
  await run(tx, REMOVE_RELATIONS, relations.filter(isLess))
  await run(tx, ADD_CASING, casing)
  const lessWritten = casing.filter((row) => Math.min(row.lower, row.capitalised, row.initial) < 0)
  await run(tx, REMOVE_CASING, lessWritten)
  await run(tx, ADD_CORPORA, corpora)
  await run(tx, REMOVE_CORPORA, corpora.filter(isLess))
  const lessMentioned = concepts.filter(({ id }) => (mentionCounts.get(id) ?? 0) < 0)
  await run(tx, REMOVE_CONCEPTS, lessMentioned)
}

function isLess({ by }: { readonly by: number }): boolean {
  return by < 0
}

/** Keeps which version of each memory was read, and the words to take back when it is gone. */
export async function writeReadings(tx: Transaction, changes: readonly Change[]): Promise<void> {
  const read = changes.flatMap(({ after }) => (after === null ? [] : [after]))
  await run(tx, PUT_READINGS, read.map(toReadingRow))
  const gone = changes.filter(({ after }) => after === null).map(({ memoryId }) => memoryId)
  if (gone.length > 0) await tx.query('DELETE FROM knowledge.readings WHERE memory_id = ANY ($1::uuid[])', [gone])
}

/** A concept's name and category are chosen from all its forms, those of this batch among them. */
async function writeConcepts(tx: Transaction, { concepts, mentionCounts, forms }: Difference): Promise<void> {
  if (concepts.length === 0) return
  const known = await formsOf(tx, concepts)
  const changed = Map.groupBy(forms, (form) => form.conceptId)
  const rows = concepts.map((concept) => {
    const chosen = chooseForm(known.get(concept.id) ?? [], changed.get(concept.id) ?? [])
    return { ...concept, ...chosen, by: mentionCounts.get(concept.id) ?? 0 }
  })
  const found = rows.filter(({ id }) => !known.has(id))
  await run(tx, INSERT_CONCEPTS, found)
  const counted = rows.filter(({ id }) => known.has(id))
  await run(tx, UPDATE_CONCEPTS, counted)
  await run(tx, ADD_FORMS, forms)
  await run(tx, REMOVE_FORMS, forms.filter(isLess))
}

async function formsOf(tx: Transaction, concepts: readonly ConceptRow[]): Promise<Map<string, CountedForm[]>> {
  const rows = await tx.query<CountedForm & { conceptId: string }>(
    `SELECT concept_id AS "conceptId", name, category, support FROM knowledge.forms WHERE concept_id = ANY ($1::uuid[])`,
    [concepts.map(({ id }) => id)],
  )
  return Map.groupBy(rows, (row) => row.conceptId)
}

function toReadingRow({ memoryId, tenantId, ownerId, version, words }: Reading) {
  const counts: StoredWords = [...words].map(([word, each]) => [word, each.lower, each.capitalised, each.initial])
  return { memoryId, tenantId, ownerId, version, words: counts }
}

async function run(tx: Transaction, sql: string, rows: readonly object[]): Promise<void> {
  if (rows.length > 0) await tx.query(sql, [JSON.stringify(rows)])
}

const MEMORIES = `SELECT id AS "memoryId", tenant_id AS "tenantId", owner_id AS "ownerId",
  CASE WHEN forgotten_at IS NULL THEN version END AS version
FROM memory.memories WHERE id = ANY (${given('$1')})`

const READINGS = `SELECT memory_id AS "memoryId", tenant_id AS "tenantId", owner_id AS "ownerId", words
FROM knowledge.readings WHERE memory_id = ANY (${given('$1')})`

const MENTIONS = `SELECT mentions.memory_id AS "memoryId", concepts.key, mentions.name, mentions.category, mentions.count
FROM knowledge.mentions JOIN knowledge.concepts ON concepts.id = mentions.concept_id
WHERE mentions.memory_id = ANY (${given('$1')})`

const INSERT_CONCEPTS = `INSERT INTO knowledge.concepts (id, tenant_id, owner_id, key, name, category, mention_count, created_at)
SELECT id, "tenantId", "ownerId", key, name, category, by, "createdAt"
FROM jsonb_to_recordset($1::jsonb) AS r (id uuid, "tenantId" uuid, "ownerId" uuid, key text, name text, category text,
                                         by integer, "createdAt" timestamptz)`

const UPDATE_CONCEPTS = `UPDATE knowledge.concepts
SET name = r.name, category = r.category, mention_count = concepts.mention_count + r.by
FROM jsonb_to_recordset($1::jsonb) AS r (id uuid, name text, category text, by integer)
WHERE concepts.id = r.id`

const REMOVE_CONCEPTS = `DELETE FROM knowledge.concepts USING jsonb_to_recordset($1::jsonb) AS r (id uuid)
WHERE concepts.id = r.id AND concepts.mention_count = 0`

const ADD_FORMS = `INSERT INTO knowledge.forms (concept_id, name, category, tenant_id, owner_id, support)
SELECT "conceptId", name, category, "tenantId", "ownerId", by
FROM jsonb_to_recordset($1::jsonb) AS r ("conceptId" uuid, name text, category text, "tenantId" uuid, "ownerId" uuid, by integer)
ON CONFLICT (concept_id, name, category) DO UPDATE SET support = forms.support + excluded.support`

const REMOVE_FORMS = `DELETE FROM knowledge.forms
USING jsonb_to_recordset($1::jsonb) AS r ("conceptId" uuid, name text, category text)
WHERE forms.concept_id = r."conceptId" AND forms.name = r.name AND forms.category = r.category AND forms.support = 0`

const PUT_MENTIONS = `INSERT INTO knowledge.mentions
  (concept_id, memory_id, tenant_id, owner_id, session_id, name, category, count, occurred_at)
SELECT "conceptId", "memoryId", "tenantId", "ownerId", "sessionId", name, category, count, "occurredAt"
FROM jsonb_to_recordset($1::jsonb) AS r ("conceptId" uuid, "memoryId" uuid, "tenantId" uuid, "ownerId" uuid,
                                         "sessionId" uuid, name text, category text, count integer, "occurredAt" timestamptz)
ON CONFLICT (memory_id, concept_id) DO UPDATE SET session_id = excluded.session_id, name = excluded.name,
  category = excluded.category, count = excluded.count, occurred_at = excluded.occurred_at`

const REMOVE_MENTIONS = `DELETE FROM knowledge.mentions
USING jsonb_to_recordset($1::jsonb) AS r ("conceptId" uuid, "memoryId" uuid)
WHERE mentions.concept_id = r."conceptId" AND mentions.memory_id = r."memoryId"`

const ADD_RELATIONS = `INSERT INTO knowledge.relations (source_id, target_id, type, tenant_id, owner_id, support)
SELECT "sourceId", "targetId", type, "tenantId", "ownerId", by
FROM jsonb_to_recordset($1::jsonb) AS r ("sourceId" uuid, "targetId" uuid, type text, "tenantId" uuid, "ownerId" uuid, by integer)
ON CONFLICT (source_id, target_id, type) DO UPDATE SET support = relations.support + excluded.support`

const REMOVE_RELATIONS = `DELETE FROM knowledge.relations
USING jsonb_to_recordset($1::jsonb) AS r ("sourceId" uuid, "targetId" uuid, type text)
WHERE relations.source_id = r."sourceId" AND relations.target_id = r."targetId" AND relations.type = r.type
  AND relations.support = 0`

const ADD_CASING = `INSERT INTO knowledge.casing (owner_id, word, tenant_id, lower_count, capital_count, initial_count)
SELECT "ownerId", word, "tenantId", lower, capitalised, initial
FROM jsonb_to_recordset($1::jsonb) AS r ("ownerId" uuid, word text, "tenantId" uuid, lower integer, capitalised integer,
                                         initial integer)
ON CONFLICT (owner_id, word) DO UPDATE SET lower_count = casing.lower_count + excluded.lower_count,
  capital_count = casing.capital_count + excluded.capital_count, initial_count = casing.initial_count + excluded.initial_count`

const REMOVE_CASING = `DELETE FROM knowledge.casing USING jsonb_to_recordset($1::jsonb) AS r ("ownerId" uuid, word text)
WHERE casing.owner_id = r."ownerId" AND casing.word = r.word
  AND casing.lower_count = 0 AND casing.capital_count = 0 AND casing.initial_count = 0`

const PUT_READINGS = `INSERT INTO knowledge.readings (memory_id, tenant_id, owner_id, version, words)
SELECT "memoryId", "tenantId", "ownerId", version, words
FROM jsonb_to_recordset($1::jsonb) AS r ("memoryId" uuid, "tenantId" uuid, "ownerId" uuid, version integer, words jsonb)
ON CONFLICT (memory_id) DO UPDATE SET version = excluded.version, words = excluded.words`

const REMOVE_CORPORA = `DELETE FROM knowledge.corpora USING jsonb_to_recordset($1::jsonb) AS r ("ownerId" uuid)
WHERE corpora.owner_id = r."ownerId" AND corpora.readings = 0`

const ADD_CORPORA = `INSERT INTO knowledge.corpora (owner_id, tenant_id, readings)
SELECT "ownerId", "tenantId", by
FROM jsonb_to_recordset($1::jsonb) AS r ("ownerId" uuid, "tenantId" uuid, by integer)
ON CONFLICT (owner_id) DO UPDATE SET readings = corpora.readings + excluded.readings`
