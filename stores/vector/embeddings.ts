import type { Log } from '../../lib/log.ts'
import type { Bus } from '../bus/port.ts'
import type { Encoder } from '../encoder/port.ts'
import { projectorContext } from '../log/log.ts'
import type { Postgres, Transaction } from '../postgres/postgres.ts'
import type {
  EmbeddingIndex,
  Embeddings,
  HybridQuestion,
  IndexRow,
  IndexStatus,
  VectorCollection,
  VectorSearch,
} from './port.ts'
import { conversationShelf, vectorCollections } from './port.ts'

/** How often a process that was not told of a change of model looks for one. Milliseconds. */
const lookMs = 5_000

export interface EmbeddingsOptions {
  readonly postgres: Postgres
  readonly bus: Bus
  readonly logger: Log
  /** The store and the model of the settings. */
  readonly wanted: EmbeddingIndex
  /** An index that is not of these settings; null when it cannot be reached by them. */
  other(row: IndexRow): Promise<EmbeddingIndex | null>
}

/** Opens the index that is searched now; which one that is, is read from the database. */
export async function openEmbeddings(options: EmbeddingsOptions): Promise<Embeddings> {
  const embeddings = new SwitchingEmbeddings(options)
  await embeddings.look()
  return embeddings
}

const context = projectorContext('embeddings')
const columns = `name, backend, model, dimensions, state, started_at AS "startedAt", switched_at AS "switchedAt"`

class SwitchingEmbeddings implements Embeddings {
  readonly encoder: Encoder
  readonly collections: Readonly<Record<VectorCollection, VectorSearch>>
  readonly #options: EmbeddingsOptions
  readonly #opened = new Map<string, EmbeddingIndex>()
  /** Which index a vector may be compared in: that of the model that made it, also when the next one has taken over. */
  readonly #madeBy = new WeakMap<Float32Array, EmbeddingIndex>()
  readonly #unsubscribe: () => void
  readonly #timer: NodeJS.Timeout
  #active: EmbeddingIndex
  #kept: readonly EmbeddingIndex[] = []
  /** Whether the store's own names stand for the index of these settings. */
  #isNamed = false

  constructor(options: EmbeddingsOptions) {
    this.#options = options
    this.#active = options.wanted
    this.#opened.set(options.wanted.name, options.wanted)
    this.encoder = this.#encoder()
    const searches = vectorCollections.map((collection) => [collection, this.#search(collection)])
    this.collections = Object.fromEntries(searches)
    const look = () => void this.look().catch((err: unknown) => options.logger.warn({ err }, 'No news of the indexes'))
    this.#unsubscribe = options.bus.subscribe('vectors-switched', look)
    this.#timer = setInterval(look, lookMs).unref()
  }

  get kept(): readonly EmbeddingIndex[] {
    return this.#kept
  }

  /** Reads which index is searched now. */
  async look(): Promise<void> {
    const active = (await this.#rows()).find(({ state }) => state === 'ACTIVE')
    if (active === undefined || active.name === this.#active.name) return
    this.#active = (await this.#open(active)) ?? this.#options.wanted
  }

  async claim(): Promise<void> {
    const { wanted, postgres, logger } = this.#options
    const rows = await this.#rows()
    const active = rows.find(({ state }) => state === 'ACTIVE')
    const serving = active === undefined || active.name === wanted.name ? null : await this.#open(active)
    if (active !== undefined && active.name !== wanted.name && serving === null) {
      logger.warn({ index: active.name }, 'The index of vectors that served cannot be reached by these settings')
    }
    this.#kept = serving === null ? [wanted] : [serving, wanted]
    await postgres.write(context, async (tx) => {
      await tx.lock('vector-indexes')
      if (serving === null) await activate(tx, wanted)
      else await register(tx, wanted)
    })
    this.#active = serving ?? wanted
    for (const row of rows) {
      if (row.state !== 'DROPPED' && !this.#kept.some(({ name }) => name === row.name)) await this.#drop(row)
    }
  }

  async keeps({ name }: EmbeddingIndex): Promise<boolean> {
    const rows = await this.#rows()
    return rows.some((row) => row.name === name && row.state !== 'DROPPED')
  }

  async caughtUp(index: EmbeddingIndex): Promise<void> {
    if (index.name !== this.#options.wanted.name) return
    if (index.name !== this.#active.name && !(await this.#switchTo(index))) return
    if (this.#isNamed) return
    await index.activate()
    this.#isNamed = true
  }

  /** False while it has not taken in all that is settled. */
  async #switchTo(index: EmbeddingIndex): Promise<boolean> {
    const { postgres, bus, logger } = this.#options
    const switched = await postgres.write(context, async (tx) => {
      await tx.lock('vector-indexes')
      // Whatever the other index has taken in by now, this one has too.
      const [there] = await tx.query(AT_HEAD, [`vectors ${index.name}`])
      if (there === undefined) return false
      await activate(tx, index)
      return true
    })
    if (!switched) return false
    this.#active = index
    bus.publish('vectors-switched')
    logger.info({ index: index.name }, 'Another index of vectors is complete, and searched from now on')
    return true
  }

  async status(ownerId?: string): Promise<IndexStatus[]> {
    const rows = (await this.#rows()).filter(({ state }) => state !== 'DROPPED')
    const [counted] = await this.#options.postgres.read(context, (db) =>
      ownerId === undefined ? db.query<Counted>(TOTAL) : db.query<Counted>(TOTAL_OF_OWNER, [ownerId]),
    )
    const total = counted?.total ?? 0
    return Promise.all(rows.map(async (row) => ({ ...row, done: await this.#sizeOf(row, ownerId), total })))
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#unsubscribe()
    for (const index of this.#opened.values()) await index.close()
  }

  #rows(): Promise<IndexRow[]> {
    const sql = `SELECT ${columns} FROM memory.vector_indexes ORDER BY started_at, name`
    return this.#options.postgres.read(context, (db) => db.query<IndexRow>(sql))
  }

  async #open(row: IndexRow): Promise<EmbeddingIndex | null> {
    const opened = this.#opened.get(row.name) ?? (await this.#options.other(row))
    if (opened) this.#opened.set(row.name, opened)
    return opened
  }

  async #drop(row: IndexRow): Promise<void> {
    const { postgres, logger } = this.#options
    try {
      const index = await this.#open(row)
      if (index === null) return
      await postgres.write(context, async (tx) => {
        await tx.query(`UPDATE memory.vector_indexes SET state = 'DROPPED' WHERE name = $1`, [row.name])
        await tx.query('DELETE FROM events.positions WHERE projector = $1', [`vectors ${row.name}`])
      })
      await index.drop()
    } catch (err) {
      logger.warn({ err, index: row.name }, 'An index of vectors that has served could not be removed')
    }
  }

  /** Null where the store does not answer. */
  async #sizeOf(row: IndexRow, ownerId: string | undefined): Promise<number | null> {
    try {
      const index = await this.#open(row)
      if (index === null) return null
      const sizes = await Promise.all(
        vectorCollections.map((collection) => {
          const vectors = index.indexes[collection]
          return ownerId === undefined ? vectors.size() : vectors.count([ownerId, conversationShelf(ownerId)])
        }),
      )
      return sizes.reduce((sum, size) => sum + size, 0)
    } catch {
      return null
    }
  }

  /** In every index that there is. @throws when one cannot be reached: what must be gone would stay there */
  async #everywhere(work: (index: EmbeddingIndex) => Promise<void>): Promise<void> {
    for (const row of await this.#rows()) {
      if (row.state === 'DROPPED') continue
      const index = await this.#open(row)
      if (index === null) throw new Error(`the index of vectors ${row.name} cannot be reached by these settings`)
      await work(index)
    }
  }

  #encoder(): Encoder {
    const active = () => this.#active
    const madeBy = this.#madeBy
    return {
      get model() {
        return active().encoder.model
      },
      get dimensions() {
        return active().encoder.dimensions
      },
      async encode(texts, signal) {
        const index = active()
        const vectors = await index.encoder.encode(texts, signal)
        for (const vector of vectors) madeBy.set(vector, index)
        return vectors
      },
      close: () => active().encoder.close(),
    }
  }

  #search(collection: VectorCollection): VectorSearch {
    const now = () => this.#active.indexes[collection]
    const of = (vector: Float32Array) => (this.#madeBy.get(vector) ?? this.#active).indexes[collection]
    return {
      get model() {
        return now().model
      },
      get dimensions() {
        return now().dimensions
      },
      nearest: (shelves, vector, limit, signal) => of(vector).nearest(shelves, vector, limit, signal),
      neighbours: (shelves, ids, limit, signal) => now().neighbours(shelves, ids, limit, signal),
      compare: (shelves, vector, ids) => of(vector).compare(shelves, vector, ids),
      get hybrid() {
        if (now().hybrid === undefined) return undefined
        return async (question: HybridQuestion, limit: number, signal?: AbortSignal) =>
          (await of(question.vector).hybrid?.(question, limit, signal)) ?? []
      },
      find: (ids, withVectors) => now().find(ids, withVectors),
      count: (shelves) => now().count(shelves),
      size: () => now().size(),
      health: () => now().health(),
      remove: (ids) => this.#everywhere((index) => index.indexes[collection].remove(ids)),
      removeOwner: (ownerId) => this.#everywhere((index) => index.indexes[collection].removeOwner(ownerId)),
    }
  }
}

async function activate(tx: Transaction, index: EmbeddingIndex): Promise<void> {
  await tx.query(`UPDATE memory.vector_indexes SET state = 'RETIRED' WHERE state = 'ACTIVE' AND name <> $1`, [
    index.name,
  ])
  await tx.query(
    `${PUT} 'ACTIVE', now()) ON CONFLICT (name) DO UPDATE SET state = 'ACTIVE', switched_at = now()
    WHERE vector_indexes.state <> 'ACTIVE'`,
    rowOf(index),
  )
}

async function register(tx: Transaction, index: EmbeddingIndex): Promise<void> {
  await tx.query(
    `${PUT} 'BUILDING', NULL) ON CONFLICT (name) DO UPDATE SET state = 'BUILDING', started_at = now(), switched_at = NULL
     WHERE vector_indexes.state <> 'BUILDING'`,
    rowOf(index),
  )
}

const rowOf = ({ name, backend, encoder }: EmbeddingIndex) => [name, backend, encoder.model, encoder.dimensions]

const PUT =
  'INSERT INTO memory.vector_indexes (name, backend, model, dimensions, state, switched_at) VALUES ($1, $2, $3, $4,'

const AT_HEAD = `SELECT position.projector FROM events.positions AS position CROSS JOIN events.head() AS head
  WHERE position.projector = $1 AND position.epoch = head.epoch
    AND (position.xid, position.seq) >= (head.xid::xid8, head.seq::bigint)`

const TALKED = `EXISTS (SELECT FROM memory.messages AS message
  WHERE message.session_id = session.id AND message.role IN ('USER', 'ASSISTANT') AND message.content <> '')`

const TOTAL = `SELECT ((SELECT count(*) FROM memory.current_memories) + (SELECT count(*) FROM memory.vectors)
    + (SELECT count(*) FROM memory.chat_sessions AS session WHERE ${TALKED}))::integer AS total`

const TOTAL_OF_OWNER = `SELECT (
    (SELECT count(*) FROM memory.current_memories WHERE owner_id = $1 AND visibility <> 'PUBLIC')
    + (SELECT count(*) FROM memory.vectors WHERE owner_id = $1 AND visibility <> 'PUBLIC')
    + (SELECT count(*) FROM memory.chat_sessions AS session WHERE owner_id = $1 AND ${TALKED}))::integer AS total`

interface Counted {
  readonly total: number
}
