import { comparePositions, logStart, type Position } from '../lib/cursor.ts'
import type { Log } from '../lib/log.ts'
import type { Bus } from './bus/port.ts'
import { type EventLog, type LogEvent, projectorContext } from './log/log.ts'
import type { Postgres } from './postgres/postgres.ts'

const batchSize = 200
/** Milliseconds between looks when nobody says that the log has grown. */
const idleInterval = 2000
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
  /** Removes all that was derived, before a rebuild. */
  clear(): Promise<void>
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
  /** Resolves when every projector has taken in all that is settled now; rejects when the signal aborts. */
  caughtUp(signal?: AbortSignal): Promise<void>
  /** Forgets what a projector has derived, and derives it again from the beginning. */
  rebuild(name: string, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

interface Source {
  readonly postgres: Postgres
  readonly log: EventLog
  readonly bus: Bus
}

export async function runProjectors(
  source: Source,
  projectors: readonly Projector[],
  logger: Log,
): Promise<Projectors> {
  const { epoch } = await source.log.head()
  const runners = await Promise.all(projectors.map((projector) => startRunner(source, projector, epoch, logger)))
  return {
    status: () => runners.map((runner) => runner.status()),
    async caughtUp(signal) {
      const head = await source.log.head()
      await Promise.all(runners.map((runner) => runner.reached(head, signal)))
    },
    async rebuild(name, signal) {
      const runner = runners.find((candidate) => candidate.name === name)
      if (!runner) throw new Error(`there is no projector ${name}`)
      await runner.rebuild(signal)
    },
    async close() {
      await Promise.all(runners.map((runner) => runner.close()))
    },
  }
}

/** Follows the log for one projector until it is closed, with growing pauses while the projector fails. */
async function startRunner(source: Source, projector: Projector, epoch: number, logger: Log) {
  const closing = new AbortController()
  const wakeup = new Wakeup()
  const progress = new Wakeup()
  const unsubscribe = source.bus.subscribe('events', () => wakeup.ring())
  let position = await loadPosition(source.postgres, projector.name, epoch)
  let problem: string | null = null
  let rebuilding = false
  let failures = 0

  const step = async (): Promise<number> => {
    if (rebuilding) {
      await projector.clear()
      position = await savePosition(source.postgres, projector.name, { epoch, ...logStart })
      rebuilding = false
    }
    const events = await source.log.read(position, batchSize)
    const last = events.at(-1)
    if (!last) return 0
    const wanted = events.filter((event) => projector.wants(event))
    if (wanted.length > 0) await projector.apply(wanted, closing.signal)
    position = await savePosition(source.postgres, projector.name, last.position)
    return events.length
  }

  const run = async () => {
    while (!closing.signal.aborted) {
      try {
        const taken = await step()
        problem = null
        failures = 0
        progress.ring()
        if (taken < batchSize) await wakeup.wait(idleInterval, closing.signal)
      } catch (error) {
        if (closing.signal.aborted) return
        problem = error instanceof Error ? error.message : String(error)
        logger.warn({ projector: projector.name, err: error }, 'A projector failed; it tries again')
        progress.ring()
        await wakeup.pause(Math.min(firstRetry * 2 ** failures++, lastRetry), closing.signal)
      }
    }
  }
  const loop = run()

  return {
    name: projector.name,
    status: (): ProjectorStatus => ({ name: projector.name, position, problem }),
    async reached(goal: Position, signal?: AbortSignal) {
      wakeup.ring()
      while (rebuilding || comparePositions(position, goal) < 0) {
        signal?.throwIfAborted()
        if (closing.signal.aborted) throw new Error('the projector has been closed')
        await progress.wait(idleInterval, signal ?? closing.signal)
      }
    },
    async rebuild(signal?: AbortSignal) {
      const goal = await source.log.head()
      rebuilding = true
      await this.reached(goal, signal)
    },
    async close() {
      unsubscribe()
      closing.abort()
      wakeup.ring()
      progress.ring()
      await loop
    },
  } as const
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

async function loadPosition(postgres: Postgres, name: string, epoch: number): Promise<Position> {
  const [row] = await postgres.read(projectorContext(name), (db) =>
    db.query<{ epoch: number; xid: string; seq: string }>(
      'SELECT epoch, xid::text, seq::text FROM events.positions WHERE projector = $1',
      [name],
    ),
  )
  return row && row.epoch === epoch ? { epoch, xid: BigInt(row.xid), seq: BigInt(row.seq) } : { epoch, ...logStart }
}

async function savePosition(postgres: Postgres, name: string, position: Position): Promise<Position> {
  await postgres.write(projectorContext(name), (tx) =>
    tx.query(
      `INSERT INTO events.positions (projector, epoch, xid, seq) VALUES ($1, $2, $3::text::xid8, $4)
       ON CONFLICT (projector) DO UPDATE SET epoch = $2, xid = $3::text::xid8, seq = $4, updated_at = now()`,
      [name, position.epoch, String(position.xid), String(position.seq)],
    ),
  )
  return position
}
