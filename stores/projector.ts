import { setTimeout as pause } from 'node:timers/promises'
import { comparePositions, logStart, type Position } from '../lib/cursor.ts'
import type { Log } from '../lib/log.ts'
import type { Bus } from './bus/port.ts'
import type { Leases } from './lease.ts'
import { type EventLog, type LogEvent, projectorContext } from './log/log.ts'
import type { Postgres } from './postgres/postgres.ts'

const batchSize = 200
/** Milliseconds between looks when nobody says that the log has grown. */
const idleInterval = 2000
/** Milliseconds without a new event after which the writers are taken to have done. */
const quiet = 75
/** Milliseconds that writers go first at most; then so many batches are taken in at once. */
const longestCourtesy = 5000
const stepsAfterCourtesy = 10
/** Milliseconds from one look at a log that grows to the next: what is written meanwhile is taken in together. */
const gathering = 50
const firstRetry = 250
const lastRetry = 30_000

/** Keeps something derived from the log up to date. */
export interface Projector {
  /** Names its position; two projectors never share one. */
  readonly name: string
  wants(event: LogEvent): boolean
  /**
   * Takes in events in the log's order. A batch may come again, after a crash or a rebuild, so it must not matter how
   * often it comes.
   */
  apply(events: readonly LogEvent[], signal: AbortSignal): Promise<void>
  /** Hears that it has taken in all that was settled when it last looked. May be told again and again. */
  settled?(): Promise<void>
  /** Removes all that was derived, before a rebuild. */
  clear(): Promise<void>
  /** Lets go of what it holds, when nothing more will be asked of it. */
  close?(): Promise<void>
}

export interface ProjectorStatus {
  readonly name: string
  readonly position: Position
  /** Why its last try failed; null when it went well. */
  readonly problem: string | null
}

/** Runs projectors beside the server's work, each from its own position. */
export interface Projectors {
  status(): readonly ProjectorStatus[]
  /**
   * Resolves when every projector has taken in all that was written before. What is written settles when the transactions
   * are over that were open with it, on the whole server. Rejects when the signal aborts.
   */
  caughtUp(signal?: AbortSignal): Promise<void>
  /** Forgets what a projector has derived, or all of a family (`vectors` of every index), and derives it again from the beginning. */
  rebuild(name: string, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Source {
  readonly postgres: Postgres
  readonly log: EventLog
  readonly bus: Bus
  /** Absent where no other process can run the same projectors. */
  readonly leases?: Leases
}

/** Each projector is run by one process at a time; where another runs it, this one stands by. */
export async function runProjectors(
  source: Source,
  projectors: readonly Projector[],
  logger: Log,
): Promise<Projectors> {
  const { epoch } = await source.log.head()
  const runners = projectors.map((projector) => new Runner(source, projector, epoch, logger))
  await Promise.all(runners.map((runner) => runner.start()))
  return {
    status: () => runners.map((runner) => runner.status()),
    async caughtUp(signal) {
      await settled(source.postgres, signal)
      const head = await source.log.head()
      await Promise.all(runners.map((runner) => runner.reached(head, signal)))
    },
    async rebuild(name, signal) {
      const named = runners.filter((runner) => runner.name === name || runner.name.startsWith(`${name} `))
      if (named.length === 0) throw new Error(`there is no projector ${name}`)
      await Promise.all(named.map((runner) => runner.rebuild(signal)))
    },
    async close() {
      await Promise.all(runners.map((runner) => runner.close()))
    },
  }
}

/** Milliseconds between looks at what is still open. */
const settlingMs = 20

/** Waits until every transaction that is open now is over. */
async function settled(postgres: Postgres, signal?: AbortSignal): Promise<void> {
  const look = async () => {
    const [row] = await postgres.read(projectorContext('settled'), (db) =>
      db.query<{ oldest: string; next: string }>(
        'SELECT pg_snapshot_xmin(now)::text AS oldest, pg_snapshot_xmax(now)::text AS next FROM pg_current_snapshot() AS now',
      ),
    )
    return { oldest: BigInt(row?.oldest ?? 0), next: BigInt(row?.next ?? 0) }
  }
  let seen = await look()
  for (const { next } = seen; seen.oldest < next; seen = await look()) await pause(settlingMs, undefined, { signal })
}

/**
 * Follows the log for one projector until it is closed, with growing pauses while the projector fails. The position in
 * the database is the truth: whoever removes it asks for a rebuild, and a runner that has lost its lease without
 * knowing it moves nothing.
 */
class Runner {
  readonly #source: Source
  readonly #projector: Projector
  readonly #positions: Positions
  readonly #logger: Log
  readonly #closing = new AbortController()
  readonly #grown = new Wakeup()
  readonly #asked = new Wakeup()
  readonly #progress = new Wakeup()
  #grownAt = 0
  /** How many wait for this projector now. */
  #awaited = 0
  /** Steps to take before writers are let go first again. */
  #due = 0
  #position: Position
  #problem: string | null = null
  #failures = 0
  #loop: Promise<void> = Promise.resolve()
  #unsubscribe = () => {}

  constructor(source: Source, projector: Projector, epoch: number, logger: Log) {
    this.#source = source
    this.#projector = projector
    this.#positions = new Positions(source.postgres, projector.name, epoch)
    this.#logger = logger
    this.#position = this.#positions.start
  }

  get name(): string {
    return this.#projector.name
  }

  async start(): Promise<void> {
    this.#position = await this.#look()
    this.#unsubscribe = this.#source.bus.subscribe('events', () => {
      this.#grownAt = performance.now()
      this.#grown.ring()
    })
    this.#loop = this.#run()
  }

  status(): ProjectorStatus {
    return { name: this.name, position: this.#position, problem: this.#problem }
  }

  async reached(goal: Position, signal?: AbortSignal): Promise<void> {
    this.#awaited += 1
    this.#grown.ring()
    this.#asked.ring()
    try {
      while (comparePositions(await this.#look(), goal) < 0) {
        signal?.throwIfAborted()
        if (this.#closing.signal.aborted) throw new Error('the projector has been closed')
        await this.#progress.wait(idleInterval, signal ?? this.#closing.signal)
      }
    } finally {
      this.#awaited -= 1
    }
  }

  /** Whichever process runs the projector finds its position gone, and begins anew. */
  async rebuild(signal?: AbortSignal): Promise<void> {
    const goal = await this.#source.log.head()
    await this.#positions.remove()
    this.#source.bus.publish('events')
    await this.reached(goal, signal)
  }

  async close(): Promise<void> {
    this.#unsubscribe()
    this.#closing.abort()
    this.#progress.ring()
    await this.#loop
    await this.#projector.close?.()
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing
    while (!signal.aborted) {
      try {
        await this.#runWithLease(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#problem = error instanceof Error ? error.message : String(error)
        this.#logger.warn({ projector: this.name, err: error }, 'A projector failed; it tries again')
        this.#progress.ring()
        await this.#grown.pause(Math.min(firstRetry * 2 ** this.#failures++, lastRetry), signal)
      }
    }
  }

  async #runWithLease(signal: AbortSignal): Promise<void> {
    const { leases } = this.#source
    if (!leases) return this.#follow(signal)
    const lease = await leases.acquire(`projector ${this.name}`)
    if (lease === null) return this.#standBy(signal)
    try {
      await this.#follow(AbortSignal.any([signal, lease.lost]))
    } catch (error) {
      // What a lost lease broke off is for the next holder to do.
      if (!lease.lost.aborted) throw error
    } finally {
      await lease.release()
    }
  }

  async #standBy(signal: AbortSignal): Promise<void> {
    this.#position = await this.#look()
    this.#succeeded()
    await this.#asked.wait(idleInterval, signal)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const lookedAt = performance.now()
      const mayBeMore = await this.#step(signal)
      this.#succeeded()
      if (!mayBeMore) {
        await this.#projector.settled?.()
        await this.#grown.wait(idleInterval, signal)
        await this.#gather(lookedAt, signal)
      }
      if (!this.#source.leases) await this.#letWritersGoFirst(signal)
    }
  }

  async #gather(lookedAt: number, signal: AbortSignal): Promise<void> {
    const left = lookedAt + gathering - performance.now()
    if (left > 0 && this.#awaited === 0) await this.#asked.wait(left, signal)
  }

  /**
   * The embedded database has one connection: while it is written to, as by an import, what is derived can wait. Not for
   * ever, and not while somebody waits for it.
   */
  async #letWritersGoFirst(signal: AbortSignal): Promise<void> {
    if (this.#due-- > 0) return
    const until = performance.now() + longestCourtesy
    for (let now = performance.now(); !signal.aborted && this.#awaited === 0; now = performance.now()) {
      const left = this.#grownAt + quiet - now
      if (left <= 0) return
      if (now >= until) {
        this.#due = stepsAfterCourtesy
        return
      }
      await this.#asked.wait(left, signal)
    }
  }

  async #step(signal: AbortSignal): Promise<boolean> {
    const position = (await this.#positions.load()) ?? (await this.#begin())
    this.#position = position
    const events = await this.#source.log.read(position, batchSize)
    const last = events.at(-1)
    if (!last) return false
    const wanted = events.filter((event) => this.#projector.wants(event))
    if (wanted.length > 0) await this.#projector.apply(wanted, signal)
    const moved = await this.#positions.move(position, last.position)
    if (moved) this.#position = last.position
    return !moved || events.length === batchSize
  }

  async #begin(): Promise<Position> {
    await this.#projector.clear()
    return this.#positions.begin()
  }

  async #look(): Promise<Position> {
    return (await this.#positions.load()) ?? this.#positions.start
  }

  #succeeded(): void {
    this.#problem = null
    this.#failures = 0
    this.#progress.ring()
  }
}

/** Lets one wait until another rings, until a time is over, or until a signal aborts. A ring is not lost while nobody waits. */
class Wakeup {
  #rung = false
  #waiters = new Set<() => void>()

  ring(): void {
    this.#rung = true
    for (const waiter of [...this.#waiters]) waiter()
  }

  async wait(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!this.#rung) await this.pause(milliseconds, signal)
    this.#rung = false
  }

  /** Waits without regard to rings that came before. */
  pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        this.#waiters.delete(done)
        resolve()
      }
      const timer = setTimeout(done, milliseconds)
      signal.addEventListener('abort', done)
      this.#waiters.add(done)
    })
  }
}

/** Where a projector stands, in the database. */
class Positions {
  readonly start: Position
  readonly #postgres: Postgres
  readonly #name: string

  constructor(postgres: Postgres, name: string, epoch: number) {
    this.#postgres = postgres
    this.#name = name
    this.start = { epoch, ...logStart }
  }

  /** Null when nothing has been derived from this epoch's log. */
  async load(): Promise<Position | null> {
    const [row] = await this.#postgres.read(projectorContext(this.#name), (db) =>
      db.query<{ epoch: number; xid: string; seq: string }>(
        'SELECT epoch, xid::text, seq::text FROM events.positions WHERE projector = $1 AND epoch = $2',
        [this.#name, this.start.epoch],
      ),
    )
    return row ? { epoch: row.epoch, xid: BigInt(row.xid), seq: BigInt(row.seq) } : null
  }

  async begin(): Promise<Position> {
    await this.#write(
      `INSERT INTO events.positions (projector, epoch, xid, seq) VALUES ($1, $2, $3::text::xid8, $4)
       ON CONFLICT (projector) DO UPDATE SET epoch = $2, xid = $3::text::xid8, seq = $4, updated_at = now()
       RETURNING projector`,
      this.start,
    )
    return this.start
  }

  /** False when it stands elsewhere by now. */
  async move(from: Position, to: Position): Promise<boolean> {
    const moved = await this.#write(
      `UPDATE events.positions SET xid = $3::text::xid8, seq = $4, updated_at = now()
       WHERE projector = $1 AND epoch = $2 AND xid = $5::text::xid8 AND seq = $6 RETURNING projector`,
      to,
      [String(from.xid), String(from.seq)],
    )
    return moved.length > 0
  }

  async remove(): Promise<void> {
    await this.#postgres.write(projectorContext(this.#name), (tx) =>
      tx.query('DELETE FROM events.positions WHERE projector = $1', [this.#name]),
    )
  }

  #write(sql: string, { epoch, xid, seq }: Position, more: readonly string[] = []): Promise<unknown[]> {
    const values = [this.#name, epoch, String(xid), String(seq), ...more]
    return this.#postgres.write(projectorContext(this.#name), (tx) => tx.query(sql, values))
  }
}
