import type { MemoryContext } from '../context.ts'

/** What a search leaves out from when the vectors first do not answer. */
export class VectorOutage {
  readonly #context: MemoryContext
  #hasBegun = false

  constructor(context: MemoryContext) {
    this.#context = context
  }

  get hasBegun(): boolean {
    return this.#hasBegun
  }

  /** Does what needs vectors, or answers `none` when they do not. @throws the signal's reason when it is aborted */
  async orElse<T>(none: T, work: () => Promise<T>): Promise<T> {
    if (this.#hasBegun) return none
    const { stores, request } = this.#context
    try {
      return await work()
    } catch (error) {
      request.signal.throwIfAborted()
      stores.logger.warn({ err: error, traceId: request.traceId }, 'Vectors did not answer; recall does without them')
      this.#hasBegun = true
      return none
    }
  }
}
