import { noticeOf } from '../../../lib/live.ts'
import type { EngineResponse } from '../types.ts'

/** What may wait for one reader; a reader that leaves more than this is too slow. Responses, and their characters. */
const longestQueue = 256
const mostCharacters = 4_000_000

const over = { done: true, value: undefined } as const

/** One reader of a shared stream. It takes at its own pace, within bounds. */
export class Reader implements AsyncIterableIterator<EngineResponse> {
  readonly startsAfter: string | undefined
  readonly #want: (reader: Reader) => void
  readonly #leave: (reader: Reader) => void
  readonly #queue: EngineResponse[] = []
  #characters = 0
  #waiting: ((result: IteratorResult<EngineResponse>) => void) | undefined
  #last: string | undefined
  #isOver = false

  constructor(startsAfter: string | undefined, want: (reader: Reader) => void, leave: (reader: Reader) => void) {
    this.startsAfter = startsAfter
    this.#last = startsAfter
    this.#want = want
    this.#leave = leave
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** Gives it the next response; false when it has left, or leaves because too much waits for it. */
  push(response: EngineResponse): boolean {
    if (this.#isOver) return false
    const waiting = this.#waiting
    if (waiting !== undefined) {
      this.#waiting = undefined
      this.#last = response.cursor ?? this.#last
      waiting({ done: false, value: response })
      return true
    }
    if (this.#queue.length > 0 && this.#isFull(response)) {
      this.#fallBehind()
      return false
    }
    this.#queue.push(response)
    this.#characters += response.text.length
    return true
  }

  /** No more will come; what waits can still be taken. */
  end(): void {
    this.#isOver = true
    this.#waiting?.(over)
    this.#waiting = undefined
  }

  next(): Promise<IteratorResult<EngineResponse>> {
    const response = this.#queue.shift()
    if (response !== undefined) {
      this.#characters -= response.text.length
      this.#last = response.cursor ?? this.#last
      return Promise.resolve({ done: false, value: response })
    }
    if (this.#isOver) return Promise.resolve(over)
    return new Promise((resolve) => {
      this.#waiting = resolve
      this.#want(this)
    })
  }

  async return(): Promise<IteratorResult<EngineResponse>> {
    this.#queue.length = 0
    this.end()
    this.#leave(this)
    return over
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #isFull(response: EngineResponse): boolean {
    return this.#queue.length >= longestQueue || this.#characters + response.text.length > mostCharacters
  }

  /** What waited goes, so that memory is free at once; the reader is told from where to take it up again. */
  #fallBehind(): void {
    this.#queue.length = 0
    this.#characters = 0
    const cursor = this.#last
    const text =
      cursor === undefined ? '{"data":null}' : JSON.stringify(noticeOf({ cursor, resync: false, lagging: true }))
    this.#queue.push({ text, errors: [], cursor, isLagging: true })
    this.end()
  }
}
