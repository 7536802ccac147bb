import { setTimeout as pause } from 'node:timers/promises'
import { type CircuitBreakerPolicy, ConsecutiveBreaker, circuitBreaker, handleAll } from 'cockatiel'
import { Agent, request } from 'undici'
import { readAtMost } from '../provider.ts'

/** How long a search may take, and a write or a change of collections. Milliseconds. */
const readMs = 3_000
const writeMs = 30_000
/** What has failed so often in a row is left alone for a while, so that nobody waits for it. */
const failuresInRow = 5
const restMs = 5_000
/** Pages and hits are far shorter. */
const mostBytes = 32 * 1024 * 1024
const attempts = 3
const firstPauseMs = 100

export interface QdrantSettings {
  readonly url: string
  readonly apiKey?: string | undefined
  /** Stands before the names of all collections: systems that share a server must differ in it. */
  readonly prefix?: string | undefined
  /** How vectors are kept in memory beside the whole ones: eight bits a number, one bit, or not at all. */
  readonly quantization?: 'int8' | 'binary' | 'none' | undefined
}

/** What the server answered when it was not pleased. The words are its own, and hold no key. */
export class QdrantError extends Error {
  override readonly name = 'QdrantError'
  readonly status: number

  constructor(status: number, message: string) {
    super(`Qdrant answered ${status}: ${message}`)
    this.status = status
  }
}

/** Speaks Qdrant's REST interface. Every request may be sent again: what the product asks does no more the second time. */
export class QdrantClient {
  readonly #base: string
  readonly #headers: Readonly<Record<string, string>>
  readonly #agent = new Agent({ connections: 32, pipelining: 1 })
  readonly #breaker: CircuitBreakerPolicy

  constructor({ url, apiKey }: QdrantSettings) {
    this.#base = url.replace(/\/$/, '')
    // Compressed answers take Qdrant tens of milliseconds more than the search itself.
    this.#headers = {
      'content-type': 'application/json',
      'accept-encoding': 'identity',
      ...(apiKey === undefined ? {} : { 'api-key': apiKey }),
    }
    const breaker = new ConsecutiveBreaker(failuresInRow)
    this.#breaker = circuitBreaker(handleAll, { halfOpenAfter: restMs, breaker })
  }

  /** Asks something; fails at once while the server has been failing. */
  read<T>(method: 'GET' | 'POST', path: string, body?: unknown, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    return this.#breaker.execute(() => this.#send<T>(method, path, body, timeout(readMs, signal)), signal)
  }

  /** Changes something, and tries again for a while. @throws QdrantError for what the server refuses */
  async write<T>(method: 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#send<T>(method, path, body, timeout(writeMs))
      } catch (error) {
        const isRefused = error instanceof QdrantError && error.status < 500 && error.status !== 429
        if (isRefused || attempt === attempts) throw error
        await pause(firstPauseMs * 4 ** (attempt - 1))
      }
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }

  async #send<T>(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body: unknown, signal: AbortSignal) {
    const { statusCode, body: answer } = await request(`${this.#base}${path}`, {
      method,
      headers: this.#headers,
      body: body === undefined ? null : JSON.stringify(body),
      dispatcher: this.#agent,
      signal,
    })
    const text = await readAtMost(mostBytes, answer, 'Qdrant')
    if (statusCode < 300) return (JSON.parse(text) as { result: T }).result
    throw new QdrantError(statusCode, problemIn(text))
  }
}

function timeout(milliseconds: number, signal?: AbortSignal): AbortSignal {
  const late = AbortSignal.timeout(milliseconds)
  return signal ? AbortSignal.any([signal, late]) : late
}

function problemIn(text: string): string {
  try {
    const { status } = JSON.parse(text) as { status?: { error?: string } }
    return (status?.error ?? 'no reason').slice(0, 500)
  } catch {
    return 'an answer that is no JSON'
  }
}
