import { comparePositions, type Position } from '../../lib/cursor.ts'
import type { Log } from '../../lib/log.ts'
import type { Bus } from '../bus/port.ts'
import type { SecurityContext } from '../postgres/security.ts'
import type { EventLog, LogEvent } from './log.ts'

/** How many of the latest events every follower can read without asking the database. */
const ringSize = 4096
const pageSize = 500
/** The log is looked at this often even if nobody says that it has grown: a wake-up may get lost. Milliseconds. */
const idleInterval = 1000
/** How soon the log is looked at again while an open transaction holds events back. Milliseconds. */
const unsettledInterval = 25

/**
 * A step of a followed log: an event, with those for whom the viewer speaks now; or the news that the place asked for
 * can no longer be replayed from, so that following goes on from the place given.
 */
export type FeedStep =
  | { readonly event: LogEvent; readonly principals: ReadonlySet<string> }
  | { readonly resync: Position }

/** What follows the log, and where it begins: nothing after that place is missed. */
export interface Following extends AsyncIterable<FeedStep> {
  readonly start: Position
}

/** Follows the log for many viewers at once, with one reader. */
export interface Feed {
  /**
   * The events that the context's viewer may see, from a place on, in the log's order, each once; without a place,
   * those that come from now on. A follower holds no queue, only its place: one that is slow reads on from the log.
   */
  follow(security: SecurityContext, after: Position | null, signal: AbortSignal): Promise<Following>
  close(): Promise<void>
}

export function openFeed(log: EventLog, bus: Bus, logger: Log): Feed {
  const tail = new Tail(log, bus, logger)
  return {
    async follow(security, after, signal) {
      const [head, principals] = await Promise.all([tail.start(), log.principals(security)])
      const stale = after !== null && after.epoch !== head.epoch
      const start = after === null || stale ? head : after
      const follower = { log, tail, security, principals: new Principals(log, security, principals), signal }
      const following = steps(follower, start, stale)
      return { start, [Symbol.asyncIterator]: () => following }
    },
    close: () => tail.close(),
  }
}

interface Follower {
  readonly log: EventLog
  readonly tail: Tail
  readonly security: SecurityContext
  readonly principals: Principals
  readonly signal: AbortSignal
}

async function* steps(follower: Follower, from: Position, stale: boolean): AsyncGenerator<FeedStep> {
  const { log, tail, security, principals, signal } = follower
  let place = from
  if (stale) yield { resync: place }
  while (!signal.aborted && !tail.closed) {
    const recent = tail.after(place)
    if (recent === null) {
      // What the tail had read before this query began is settled, so the query cannot have missed any of it.
      const settled = tail.head
      const page = await log.readVisible(security, place, pageSize)
      // Asked after the page, so that what was trimmed while it was read is noticed.
      const trimmed = await log.trimmedTo()
      if (trimmed !== null && comparePositions(place, trimmed) < 0) {
        place = await tail.start()
        yield { resync: place }
        continue
      }
      await principals.renew()
      for (const event of page) yield { event, principals: principals.known }
      place = page.at(-1)?.position ?? place
      if (page.length < pageSize && comparePositions(place, settled) < 0) place = settled
      continue
    }
    for (const event of recent) {
      place = event.position
      if (event.tenantId !== security.tenantId) continue
      if (await principals.see(event, tail.head)) yield { event, principals: principals.known }
      if (signal.aborted) return
    }
    if (recent.length === 0) await tail.grown(place, signal)
  }
}

/** Whom a viewer speaks for. Teams come and go while he follows, so an event that was given to one asks again. */
class Principals {
  readonly #log: EventLog
  readonly #security: SecurityContext
  #known: ReadonlySet<string>
  #asOf: Position | null = null

  constructor(log: EventLog, security: SecurityContext, known: readonly string[]) {
    this.#log = log
    this.#security = security
    this.#known = new Set(known)
  }

  get known(): ReadonlySet<string> {
    return this.#known
  }

  async renew(): Promise<void> {
    this.#known = new Set(await this.#log.principals(this.#security))
  }

  /** Whether the viewer could see an event before or can see it after. @param head what the tail has read so far */
  async see({ before, after, ownerId }: LogEvent, head: Position): Promise<boolean> {
    const { tenantId, userId } = this.#security
    const mayBeTeam = (id: string) => id !== tenantId && id !== userId && id !== ownerId
    if (head !== this.#asOf && (before.some(mayBeTeam) || after.some(mayBeTeam))) {
      await this.renew()
      this.#asOf = head
    }
    const isMine = (id: string) => this.#known.has(id)
    return before.some(isMine) || after.some(isMine)
  }
}

/** The latest settled events, read once for all followers. */
class Tail {
  readonly #log: EventLog
  readonly #logger: Log
  readonly #unsubscribe: () => void
  #ring: LogEvent[] = []
  /** Everything up to here that is settled has been read; the ring holds what came after `#ringStart`. */
  #head: Position | null = null
  #ringStart: Position | null = null
  #starting: Promise<Position> | null = null
  #reading: Promise<void> | null = null
  #again = false
  #misses = 0
  #timer: NodeJS.Timeout | null = null
  #waiting = new Set<() => void>()
  #closed = false

  constructor(log: EventLog, bus: Bus, logger: Log) {
    this.#log = log
    this.#logger = logger
    this.#unsubscribe = bus.subscribe('events', () => this.#read())
  }

  /** The head from which a new follower sees what is to come. */
  async start(): Promise<Position> {
    if (this.#head === null) {
      this.#starting ??= this.#log.head().finally(() => {
        this.#starting = null
      })
      const head = await this.#starting
      this.#head ??= head
      this.#ringStart ??= head
      this.#schedule(idleInterval)
    }
    return this.#log.head()
  }

  /** A closed tail brings nothing more: whoever follows it has reached the end. */
  get closed(): boolean {
    return this.#closed
  }

  get head(): Position {
    if (this.#head === null) throw new Error('the tail has not been started')
    return this.#head
  }

  /** What came after a place, from the ring; `null` when the ring does not reach back that far. */
  after(place: Position): readonly LogEvent[] | null {
    if (this.#ringStart === null || comparePositions(place, this.#ringStart) < 0) return null
    return this.#ring.slice(firstAfter(this.#ring, place))
  }

  /** Resolves when there is more than this place, or when the signal aborts. */
  grown(place: Position, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#closed || comparePositions(this.head, place) > 0) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        this.#waiting.delete(done)
        signal.removeEventListener('abort', done)
        resolve()
      }
      this.#waiting.add(done)
      signal.addEventListener('abort', done)
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#unsubscribe()
    if (this.#timer) clearTimeout(this.#timer)
    this.#wake()
    await this.#reading
  }

  #wake(): void {
    for (const done of [...this.#waiting]) done()
  }

  #schedule(milliseconds: number): void {
    if (this.#closed) return
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#read(), milliseconds)
    this.#timer.unref()
  }

  /** One reading at a time; a wake-up during a reading asks for another. */
  #read(): void {
    if (this.#head === null || this.#closed) return
    this.#again = true
    this.#reading ??= this.#drain().finally(() => {
      this.#reading = null
    })
  }

  async #drain(): Promise<void> {
    let found = 0
    try {
      while (this.#again && !this.#closed) {
        this.#again = false
        const events = await this.#log.read(this.head, pageSize)
        found += events.length
        this.#keep(events)
        if (events.length === pageSize) this.#again = true
      }
    } catch (error) {
      this.#logger.warn({ err: error }, 'The log of events could not be read; trying again')
    }
    // A wake-up that found nothing means that an open transaction holds the log back: look again soon, then seldom.
    this.#misses = found === 0 ? this.#misses + 1 : 0
    this.#schedule(Math.min(unsettledInterval * 2 ** this.#misses, idleInterval))
  }

  #keep(events: readonly LogEvent[]): void {
    if (events.length === 0) return
    this.#ring.push(...events)
    if (this.#ring.length > ringSize) {
      const dropped = this.#ring.splice(0, this.#ring.length - ringSize)
      this.#ringStart = dropped.at(-1)?.position ?? this.#ringStart
    }
    this.#head = events.at(-1)?.position ?? this.#head
    this.#wake()
  }
}

function firstAfter(ring: readonly LogEvent[], place: Position): number {
  let low = 0
  let high = ring.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const event = ring[middle]
    if (event !== undefined && comparePositions(event.position, place) <= 0) low = middle + 1
    else high = middle
  }
  return low
}
