import { setTimeout as sleep } from 'node:timers/promises'
import {
  BrokenCircuitError,
  BulkheadRejectedError,
  bulkhead,
  CircuitState,
  circuitBreaker,
  handleWhen,
  SamplingBreaker,
  TaskCancelledError,
} from 'cockatiel'
import type { RequestContext } from '../../../lib/context.ts'
import { codedError, codeOf } from '../../../lib/errors.ts'
import type { Channel, SubgraphRequest, SubgraphResponse } from '../types.ts'
import { SubgraphFailure, unavailable } from './failure.ts'
import { limitTime } from './time-limit.ts'

/** How a subgraph that is slow, overloaded or away is dealt with. */
export interface ChannelPolicy {
  /** How often a query is sent again when nobody answered it. A mutation never is. */
  readonly retries: number
  /** Milliseconds that a request may take with all its attempts; 0 leaves the operation's own deadline alone. */
  readonly timeoutMs: number
  /** Requests that the subgraph is sent at the same time. */
  readonly concurrency: number
  /** Requests that wait for their turn beyond that; one more is refused. */
  readonly queue: number
  /** The share of failures, in percent, beyond which the subgraph is left alone for a while; 0 for never. */
  readonly breakerPercent: number
  /** Milliseconds for which it is left alone, before one request tries it again. */
  readonly breakerOpenMs: number
}

export type BreakerState = 'closed' | 'half-open' | 'open'

/** What whoever watches the gateway may want to count. */
export interface ChannelWatch {
  retried(subgraph: string): void
  refused(subgraph: string, why: 'overloaded' | 'breaker'): void
  breaker(subgraph: string, state: BreakerState): void
}

/** The breaker looks at this much of the past, and only when it held at least this many requests a second. */
const samplingMs = 10_000
const minimumRps = 2
/** A retry waits a random time up to this, doubled for each attempt ("full jitter"). Milliseconds. */
const backoffMs = 25

/**
 * Puts a policy between the engine and the way to a subgraph. A request that finds the subgraph well costs two
 * counters; nothing is copied or timed unless the policy gives the subgraph a time limit of its own.
 */
export function createResilientChannel(
  name: string,
  inner: Channel,
  policy: ChannelPolicy,
  watch?: ChannelWatch,
): Channel {
  return new ResilientChannel(name, inner, policy, watch)
}

type Attempt<T> = (request: SubgraphRequest) => Promise<T>

class ResilientChannel implements Channel {
  readonly #name: string
  readonly #inner: Channel
  readonly #policy: ChannelPolicy
  readonly #watch: ChannelWatch | undefined
  readonly #turns
  readonly #breaker

  constructor(name: string, inner: Channel, policy: ChannelPolicy, watch: ChannelWatch | undefined) {
    this.#name = name
    this.#inner = inner
    this.#policy = policy
    this.#watch = watch
    this.#turns = bulkhead(policy.concurrency, policy.queue)
    this.#breaker = policy.breakerPercent === 0 ? undefined : createBreaker(policy)
    this.#breaker?.onStateChange((state) => watch?.breaker(name, stateNames[state]))
    watch?.breaker(name, 'closed')
  }

  execute(request: SubgraphRequest): Promise<SubgraphResponse> {
    return this.#inTime(request, (limited) =>
      this.#retrying(limited, (attempt) =>
        this.#turns.execute(
          () => this.#guarded(attempt, (asked) => this.#inner.execute(asked)),
          limited.context.signal,
        ),
      ),
    )
  }

  /** A stream may last, so it takes no turn from requests, and its time limit ends when it is open. */
  subscribe(request: SubgraphRequest): Promise<AsyncIterable<SubgraphResponse>> {
    const open: Attempt<Awaited<ReturnType<Channel['subscribe']>>> = (limited) =>
      this.#retrying(limited, (attempt) => this.#guarded(attempt, (asked) => this.#inner.subscribe(asked)))
    return this.#inTime(request, open, 'lasts')
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #inTime<T>(request: SubgraphRequest, work: Attempt<T>, outcome?: 'lasts'): Promise<T> {
    if (this.#policy.timeoutMs === 0) return work(request)
    const limited = limitTime(request, this.#policy.timeoutMs)
    let isOpen = false
    try {
      const result = await work(limited.request)
      isOpen = outcome === 'lasts'
      return result
    } finally {
      if (isOpen) limited.lift()
      else limited.release()
    }
  }

  async #retrying<T>(request: SubgraphRequest, attempt: Attempt<T>): Promise<T> {
    for (let failed = 0; ; failed++) {
      try {
        return await attempt(request)
      } catch (error) {
        const isLast = request.kind === 'mutation' || failed >= this.#policy.retries || !isUnreached(error)
        if (isLast || !(await pause(failed, request.context))) throw this.#shown(error, request)
        this.#watch?.retried(this.#name)
      }
    }
  }

  #guarded<T>(request: SubgraphRequest, attempt: Attempt<T>): Promise<T> {
    return this.#breaker ? this.#breaker.execute(() => settled(request, attempt)) : settled(request, attempt)
  }

  /** The error as the engine places it in the answer. */
  #shown(error: unknown, { context: { signal } }: SubgraphRequest): unknown {
    if (error instanceof BrokenCircuitError) {
      this.#watch?.refused(this.#name, 'breaker')
      return unavailable(this.#name, 'has failed too often and is left alone for a moment')
    }
    if (error instanceof BulkheadRejectedError) {
      this.#watch?.refused(this.#name, 'overloaded')
      return codedError('SUBGRAPH_OVERLOADED', `Subgraph "${this.#name}" has more requests waiting than it may.`)
    }
    return error instanceof TaskCancelledError ? signal.reason : error
  }
}

const stateNames: Record<CircuitState, BreakerState> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Open]: 'open',
  [CircuitState.Isolated]: 'open',
}

function createBreaker({ breakerPercent, breakerOpenMs }: ChannelPolicy) {
  // The library takes a share below one; at 100 percent every request of the sample must have failed.
  const threshold = Math.min(breakerPercent / 100, 0.999)
  return circuitBreaker(handleWhen(isSign), {
    halfOpenAfter: breakerOpenMs,
    breaker: new SamplingBreaker({ threshold, duration: samplingMs, minimumRps }),
  })
}

/** Whether an error is a sign that the subgraph is not well: that a client went away, or asked for too much, is none. */
function isSign(error: unknown): boolean {
  if (error instanceof SubgraphFailure) return error.kind !== 'oversized'
  return codeOf(error as { extensions?: Record<string, unknown> }) === 'DEADLINE_EXCEEDED'
}

function isUnreached(error: unknown): boolean {
  return error instanceof SubgraphFailure && error.kind === 'unreached'
}

/** An attempt that was cut off fails with the reason of that, by which a client that left is told from lost time. */
async function settled<T>(request: SubgraphRequest, attempt: Attempt<T>): Promise<T> {
  try {
    return await attempt(request)
  } catch (error) {
    throw request.context.signal.aborted ? request.context.signal.reason : error
  }
}

/** Waits before the next attempt; false when there is no time for one, or nobody waits any more. */
async function pause(failed: number, { deadline, clock, signal }: RequestContext): Promise<boolean> {
  const milliseconds = Math.random() * backoffMs * 2 ** failed
  if (signal.aborted || clock.now().getTime() + milliseconds >= deadline) return false
  try {
    await sleep(milliseconds, undefined, { signal })
    return true
  } catch {
    return false
  }
}
