import type { IPolicy } from 'cockatiel'
import type { RequestContext } from '../../../lib/context.ts'
import type { Position } from '../../../lib/cursor.ts'
import { codedError } from '../../../lib/errors.ts'
import type { Following } from '../../../stores/log/feed.ts'
import type { Stores } from '../../../stores/stores.ts'
import { securityOf } from '../../security.ts'
import { MemoryContext } from '../context.ts'
import type { MemoryFilter } from '../records.ts'
import { recall } from '../service/recall.ts'
import { Bell } from './bell.ts'
import type { StandingHit } from './difference.ts'

/** Milliseconds until vectors that were still to come are looked for, doubled each time they have not come. */
const firstLook = 100
const lastLook = 2000
/** The longest that a timer waits. */
const longestWait = 2_147_483_647

/** The answer to a standing search, and the place in the log that it knows of. */
export interface StandingAnswer {
  readonly hits: readonly StandingHit[]
  readonly position: Position
  readonly degraded: readonly string[]
  readonly pending: number
}

export interface SearchSubject {
  readonly query: string
  readonly filter: MemoryFilter
}

/**
 * One search that goes on: evaluated anew when a memory that its owner sees has changed, and when vectors have come for
 * memories that had none. All who read the same search share it, and what changes while it is evaluated is taken
 * together. It knows only the latest answer, so a slow reader skips what was in between.
 */
export class StandingSearch {
  readonly #stores: Stores
  readonly #subject: SearchSubject
  readonly #turns: IPolicy
  readonly #request: RequestContext
  readonly #ending = new AbortController()
  readonly #grown = new Bell()
  readonly #answered = new Bell()
  #beginning: Promise<void> | undefined
  #position: Position | undefined
  #isDirty = false
  #depth = 0
  #latest: StandingAnswer | undefined
  #readers = 0

  constructor({ stores, request }: MemoryContext, subject: SearchSubject, turns: IPolicy) {
    this.#stores = stores
    this.#subject = subject
    this.#turns = turns
    // Nobody's own deadline, trace or place: the search is of all who read it.
    const { viewer, clock, ids } = request
    const traceId = ids.next().replaceAll('-', '')
    this.#request = { viewer, clock, ids, traceId, deadline: Number.MAX_SAFE_INTEGER, signal: this.#ending.signal }
  }

  /** A new reader of so many hits; resolves with the answer as it is. Each reader leaves once. */
  async join(first: number): Promise<StandingAnswer> {
    this.#readers += 1
    this.#beginning ??= this.#begin()
    await this.#beginning
    const isDeeper = first > this.#depth
    this.#depth = Math.max(first, this.#depth)
    return !isDeeper && this.#latest ? this.#latest : this.#evaluate()
  }

  /** @returns whether that was the last reader, and so the search is over */
  leave(): boolean {
    this.#readers -= 1
    if (this.#readers > 0) return false
    this.#ending.abort()
    return true
  }

  /** Nobody can join it any more. */
  get isOver(): boolean {
    return this.#ending.signal.aborted
  }

  /**
   * The answer after this one; null when the reader has left.
   * @throws STORE_UNAVAILABLE when the search has lost the log, so that its readers must begin again
   */
  async after(seen: StandingAnswer, signal: AbortSignal): Promise<StandingAnswer | null> {
    while (this.#latest === seen && !signal.aborted && !this.isOver) await this.#answered.wait(signal)
    if (signal.aborted) return null
    if (this.isOver) throw codedError('STORE_UNAVAILABLE', 'The search has ended; subscribe again.')
    return this.#latest ?? null
  }

  async #begin(): Promise<void> {
    const { signal } = this.#ending
    const following = await this.#stores.feed.follow({ ...securityOf(this.#request, 'memory'), signal }, null, signal)
    this.#position = following.start
    void this.#listen(following)
    void this.#keepUp(signal)
  }

  async #listen(following: Following): Promise<void> {
    try {
      for await (const step of following) {
        if ('event' in step && step.event.type !== 'Memory') continue
        this.#position = 'event' in step ? step.event.position : step.resync
        this.#isDirty = true
        this.#grown.ring()
      }
    } catch (error) {
      this.#stores.logger.warn({ err: error }, 'A standing search lost the log; its readers come back')
    }
    this.#ending.abort()
    this.#answered.ring()
  }

  async #keepUp(signal: AbortSignal): Promise<void> {
    for (let look = firstLook; !signal.aborted; ) {
      const isPending = (this.#latest?.pending ?? 0) > 0
      if (!this.#isDirty) await this.#grown.wait(signal, isPending ? look : this.#untilExpiry())
      if (signal.aborted) return
      look = this.#isDirty ? firstLook : Math.min(look * 2, lastLook)
      this.#isDirty = false
      await this.#evaluate().catch((error: unknown) => {
        if (!signal.aborted) this.#stores.logger.warn({ err: error }, 'A standing search failed; it is tried again')
      })
    }
  }

  /** Milliseconds until the time of the first hit is over, of which no event tells. */
  #untilExpiry(): number | undefined {
    const ends = (this.#latest?.hits ?? []).flatMap(({ memory }) => memory.retentionUntil?.getTime() ?? [])
    if (ends.length === 0) return undefined
    const left = Math.min(...ends) - this.#stores.clock.now().getTime()
    return Math.min(Math.max(left, firstLook), longestWait)
  }

  async #evaluate(): Promise<StandingAnswer> {
    const { query, filter } = this.#subject
    const answer = await this.#turns.execute(async () => {
      const position = this.#position as Position
      const context = new MemoryContext(this.#stores, this.#request)
      const { hits, degraded, pending } = await recall(context, query, this.#depth, filter)
      return { hits, position, degraded, pending: await pending() }
    })
    this.#latest = answer
    this.#answered.ring()
    return answer
  }
}
