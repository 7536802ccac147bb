/** Work under way, and those who wait for it. */
interface Flight<T> {
  readonly outcome: Promise<T>
  readonly controller: AbortController
  /** By `performance.now()`; whoever comes later does not join. */
  readonly boardedUntil: number
  riders: number
}

/** The work ends when its first caller's time is over, so that one who joins may lose this much of his. Milliseconds. */
const boardingMs = 1000

/**
 * Lets callers who ask for the same thing at the same time wait for one piece of work. The work outlives whoever began
 * it: it is given a signal of its own, which aborts when the last of those who wait has left. Nothing is kept beyond
 * the work itself; memory is bounded by what is under way.
 */
export class Flights<T> {
  readonly #open = new Map<string, Flight<T>>()

  /** How many pieces of work are under way. */
  get size(): number {
    return this.#open.size
  }

  /**
   * The outcome of the work under way with this key, or of work that is begun now.
   * @param key Everything that can change the outcome.
   * @param signal Lets this caller leave; the promise then rejects with its reason, and the others wait on.
   */
  join(key: string, signal: AbortSignal, begin: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (signal.aborted) return Promise.reject(signal.reason)
    let flight = this.#open.get(key)
    if (flight === undefined || flight.boardedUntil < performance.now()) {
      flight = this.#begin(key, begin)
      this.#open.set(key, flight)
    }
    return this.#ride(key, flight, signal)
  }

  #begin(key: string, begin: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const controller = new AbortController()
    const outcome = begin(controller.signal)
    const flight = { outcome, controller, boardedUntil: performance.now() + boardingMs, riders: 0 }
    const land = () => this.#forget(key, flight)
    outcome.then(land, land)
    return flight
  }

  #ride(key: string, flight: Flight<T>, signal: AbortSignal): Promise<T> {
    flight.riders += 1
    return new Promise((resolve, reject) => {
      const leave = () => {
        reject(signal.reason)
        flight.riders -= 1
        if (flight.riders > 0) return
        // Whoever asks from now on must not join work that is being given up.
        this.#forget(key, flight)
        flight.controller.abort(signal.reason)
      }
      signal.addEventListener('abort', leave)
      flight.outcome.then(
        (value) => {
          signal.removeEventListener('abort', leave)
          resolve(value)
        },
        (reason) => {
          signal.removeEventListener('abort', leave)
          reject(reason)
        },
      )
    })
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#open.get(key) === flight) this.#open.delete(key)
  }
}
