import { setTimeout as pause } from 'node:timers/promises'
import { codedError, codeOf } from '../../../lib/errors.ts'
import { cursorOf, isNotice, type Live } from '../../../lib/live.ts'
import type { SubgraphResponse, SubgraphStream } from '../types.ts'

/** Milliseconds before a broken stream is opened again, doubled with each try. */
const firstRetry = 50
const lastRetry = 2000
/** Milliseconds after which a stream that cannot be opened again is given up. */
const patience = 60_000
/** Milliseconds after which a stream that was opened again counts as mended, also when nothing has come by it. */
const mendedAfter = 5_000
/** How long a subgraph may take to begin a stream. Milliseconds. */
const openingMs = 30_000
/** Codes of failures that may be gone on the next try. */
const passing: ReadonlySet<unknown> = new Set([
  'SUBGRAPH_UNAVAILABLE',
  'STORE_UNAVAILABLE',
  'DEADLINE_EXCEEDED',
  'INTERNAL_SERVER_ERROR',
  undefined,
])

/** Opens a subgraph's stream, from the beginning or from a place; it ends with the signal. */
export type OpenStream = (resumeAfter: string | undefined, signal: AbortSignal) => Promise<SubgraphStream>

/**
 * The events of one subscription of a subgraph. A stream that breaks off is opened again at the last place that is
 * known, so that its readers notice nothing; where no place is known it ends with the failure.
 */
export class Upstream {
  readonly #open: OpenStream
  readonly #signal: AbortSignal
  #events: AsyncIterator<SubgraphResponse>
  #place: string | undefined
  #failures = 0
  #brokenSince = 0
  #openedAt = performance.now()

  private constructor(open: OpenStream, stream: SubgraphStream, place: string | undefined, signal: AbortSignal) {
    this.#open = open
    this.#signal = signal
    this.#events = stream[Symbol.asyncIterator]()
    this.#place = stream.startsAfter ?? place
  }

  /** Opens the stream; a subgraph that cannot be reached at first rejects. The caller ends it by `return`. */
  static async open(open: OpenStream, place: string | undefined, signal: AbortSignal): Promise<Upstream> {
    return new Upstream(open, await openInTime(open, place, signal), place, signal)
  }

  /** Where the next event comes after; undefined when the subgraph's events have no places. */
  get place(): string | undefined {
    return this.#place
  }

  async next(): Promise<IteratorResult<SubgraphResponse, undefined>> {
    for (;;) {
      try {
        const event = await this.#events.next()
        if (event.done || this.#signal.aborted) return { done: true, value: undefined }
        if (this.#failures > 0 && isPassingRefusal(event.value)) throw new Error('the subgraph is not ready')
        if (saysTooSlow(event.value)) continue
        this.#failures = 0
        this.#place = cursorOf(event.value) ?? this.#place
        return { done: false, value: event.value }
      } catch (reason) {
        if (this.#signal.aborted) return { done: true, value: undefined }
        if (this.#place === undefined) throw reason
        if (performance.now() - this.#openedAt > mendedAfter) this.#failures = 0
        await this.#reopen(reason)
      }
    }
  }

  async return(): Promise<void> {
    await this.#events.return?.()
  }

  async #reopen(reason: unknown): Promise<void> {
    if (this.#failures === 0) this.#brokenSince = performance.now()
    void Promise.resolve(this.#events.return?.()).catch(() => {})
    for (let failure = reason; ; ) {
      if (performance.now() - this.#brokenSince > patience) throw failure
      await pause(Math.min(firstRetry * 2 ** this.#failures++, lastRetry), undefined, { signal: this.#signal }).catch(
        () => {},
      )
      if (this.#signal.aborted) return
      try {
        this.#events = (await openInTime(this.#open, this.#place, this.#signal))[Symbol.asyncIterator]()
        this.#openedAt = performance.now()
        return
      } catch (next) {
        failure = next
      }
    }
  }
}

async function openInTime(open: OpenStream, place: string | undefined, signal: AbortSignal): Promise<SubgraphStream> {
  const late = new AbortController()
  const timer = setTimeout(() => {
    late.abort(codedError('DEADLINE_EXCEEDED', `The subgraph did not begin the stream within ${openingMs} ms.`))
  }, openingMs)
  const both = AbortSignal.any([signal, late.signal])
  const isLate = Promise.withResolvers<never>()
  late.signal.addEventListener('abort', () => isLate.reject(late.signal.reason))
  try {
    return await Promise.race([open(place, both), isLate.promise])
  } finally {
    clearTimeout(timer)
  }
}

/** The answer of a subscription that could not begin, for a reason that may pass. */
function isPassingRefusal({ data, errors }: SubgraphResponse): boolean {
  const [error] = errors ?? []
  return error !== undefined && (data === undefined || data === null) && passing.has(codeOf(error))
}

/** It was we who were too slow for the subgraph; what is left is read anew. */
function saysTooSlow(event: SubgraphResponse): boolean {
  return isNotice(event) && ((event.extensions as { live: Partial<Live> }).live.lagging ?? false)
}
