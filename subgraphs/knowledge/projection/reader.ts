import type { Log } from '../../../lib/log.ts'
import { projectorContext } from '../../../stores/log/log.ts'
import type { Postgres } from '../../../stores/postgres/postgres.ts'
import { isText } from '../../checks.ts'
import { memoryName, readable, type Stored, undamaged } from '../../packed-rows.ts'
import { addCasing } from '../extraction/casing.ts'
import { ExtractionFailedError, type Extractor } from '../extraction/extractor.ts'
import type { Casing, Mention, Source } from '../extraction/types.ts'
import type { Reading } from './changes.ts'
import { readWords, type StoredWords } from './tables.ts'

/** A memory that has to be read: it is new, or another version than was read last. */
export interface UnreadMemory {
  readonly id: string
  readonly tenantId: string
  readonly ownerId: string
  readonly version: number
  readonly sessionId: string | null
  readonly content: string
  readonly occurredAt: Date
  readonly timeInferred: boolean
  readonly knownAt: Date
  /** What the version read last added to the casing; null when there was none. */
  readonly words: StoredWords | null
}

/**
 * The memories among these that have to be read, in the order given. Looked up one by one (`OFFSET 0` keeps it so): while
 * an import outruns the planner's statistics, a join would read the whole table for every batch.
 */
export async function loadMemories(
  postgres: Postgres,
  ids: readonly string[],
  signal: AbortSignal,
  logger: Log,
): Promise<UnreadMemory[]> {
  const found = await postgres.read(projectorContext('concepts', signal), (db) =>
    db.query<Stored<UnreadMemory>>(
      `SELECT memory.id, memory.tenant_id AS "tenantId", memory.owner_id AS "ownerId", memory.version,
              memory.session_id AS "sessionId", memory.content, memory.content_packed AS packed, memory.occurred_at AS "occurredAt",
              memory.time_inferred AS "timeInferred", memory.updated_at AS "knownAt", reading.words
       FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (id, place)
       CROSS JOIN LATERAL (SELECT * FROM memory.current_memories WHERE id = wanted.id OFFSET 0) AS memory
       LEFT JOIN knowledge.readings AS reading ON reading.memory_id = wanted.id
       WHERE reading.version IS DISTINCT FROM memory.version
       ORDER BY wanted.place`,
      [ids],
    ),
  )
  return undamaged(readable<UnreadMemory>(found, memoryName), logger)
}

/** Reads memories, each owner's by his own spelling, outside any transaction: the extractor takes its time. */
export function createReader(postgres: Postgres, extractor: Extractor, logger: Log) {
  return async (memories: readonly UnreadMemory[], signal: AbortSignal): Promise<Reading[]> => {
    if (memories.length === 0) return []
    const words = await extractor.count(
      memories.map(({ content }) => content),
      signal,
    )
    const unread = memories.map((memory, index) => ({ ...memory, counted: words[index] ?? new Map<string, Casing>() }))
    const casing = await casingOf(postgres, unread, signal)
    const readings: Reading[] = []
    for (const [ownerId, owned] of Map.groupBy(unread, (memory) => memory.ownerId)) {
      const mentions = await extractAll(owned, casing.get(ownerId) ?? new Map(), signal)
      readings.push(...owned.map((memory, index) => toReading(memory, mentions[index] ?? [])))
    }
    return readings
  }

  /** A text that the extractor fails at must not hold up all the others: it is taken to mention nothing. */
  async function extractAll(memories: readonly Unread[], casing: Map<string, Casing>, signal: AbortSignal) {
    try {
      return await extractor.extract(memories.map(toSource), casing, signal)
    } catch (error) {
      if (!(error instanceof ExtractionFailedError)) throw error
      const found: Mention[][] = []
      for (const memory of memories) found.push(await extractOne(memory, casing, signal))
      return found
    }
  }

  async function extractOne(memory: Unread, casing: Map<string, Casing>, signal: AbortSignal): Promise<Mention[]> {
    try {
      return (await extractor.extract([toSource(memory)], casing, signal))[0] ?? []
    } catch (error) {
      if (!(error instanceof ExtractionFailedError)) throw error
      logger.error(
        { memory: memory.id, version: memory.version, err: error },
        'No concepts could be read from a memory',
      )
      return []
    }
  }
}

type Unread = UnreadMemory & { readonly counted: ReadonlyMap<string, Casing> }

/** How each owner writes the words of these memories, with them and without the versions that they replace. */
async function casingOf(postgres: Postgres, memories: readonly Unread[], signal: AbortSignal) {
  const casing = new Map<string, Map<string, Casing>>()
  for (const { ownerId, counted, words } of memories) {
    const own = casing.get(ownerId) ?? new Map<string, Casing>()
    addCasing(own, counted)
    if (words !== null) addCasing(own, negative(readWords(words)))
    casing.set(ownerId, own)
  }
  const pairs = [...casing].flatMap(([ownerId, own]) => [...own.keys()].map((word) => [ownerId, word] as const))
  const rows = await postgres.read(projectorContext('concepts', signal), (db) =>
    db.query<{ ownerId: string; word: string } & Casing>(
      `SELECT owner_id AS "ownerId", word, lower_count AS lower, capital_count AS capitalised, initial_count AS initial
       FROM unnest($1::uuid[], $2::text[]) AS wanted (owner, text)
       JOIN knowledge.casing ON casing.owner_id = wanted.owner AND casing.word = wanted.text`,
      [pairs.map(([ownerId]) => ownerId), pairs.map(([, word]) => word)],
    ),
  )
  for (const { ownerId, word, lower, capitalised, initial } of rows) {
    addCasing(casing.get(ownerId) ?? new Map(), [[word, { lower, capitalised, initial }]])
  }
  return casing
}

function negative(words: ReadonlyMap<string, Casing>): [string, Casing][] {
  return [...words].map(([word, { lower, capitalised, initial }]) => [
    word,
    { lower: -lower, capitalised: -capitalised, initial: -initial },
  ])
}

/** A time that was only inferred says nothing of what "yesterday" meant. */
function toSource({ content, occurredAt, timeInferred }: UnreadMemory): Source {
  return { text: content, at: timeInferred ? undefined : occurredAt }
}

function toReading(memory: Unread, mentions: readonly Mention[]): Reading {
  const { id, tenantId, ownerId, version, sessionId, occurredAt, knownAt, counted } = memory
  const forms = mentions
    // JSON's escapes can spell what PostgreSQL refuses as text. No name has it.
    .filter((mention) => isText(mention.name) && isText(mention.key))
    .map(({ key, name, category, count }) => ({ key, name, category, count }))
  return { memoryId: id, tenantId, ownerId, version, sessionId, occurredAt, knownAt, words: counted, forms }
}
