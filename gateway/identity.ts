import { LRUCache } from 'lru-cache'
import type { Viewer } from '../lib/context.ts'
import { codedError } from '../lib/errors.ts'
import type { Clock } from '../lib/sources.ts'
import type { AccessTokens, VerifiedToken } from '../lib/tokens.ts'

/** Who asks, and until when that is known; `expiresAt` null means that it does not end by itself. */
export interface Identified {
  readonly viewer: Viewer | null
  readonly expiresAt: Date | null
  /** Whether it came to a listener that only the process's owner can reach, whom limits for clients do not hold. */
  readonly isOwner?: boolean
}

export const anonymous: Identified = { viewer: null, expiresAt: null }

/** Turns an `Authorization` value into who asks. Rejects with UNAUTHENTICATED when it is there and no good. */
export interface Identity {
  identify(authorization: string | undefined): Promise<Identified>
  /** Tells of each session that ends while the process runs; call what it returns to stop listening. */
  onRevoked(listener: (sessionId: string) => void): () => void
  /** Which of these sessions have ended, whether or not word of it came. */
  ended(sessionIds: readonly string[]): Promise<readonly string[]>
}

/** Whether a sign-in session is still good: a token outlives its signing out, its session does not. */
export interface SessionGate {
  isLive(sessionId: string): Promise<boolean>
  onRevoked(listener: (sessionId: string) => void): () => void
  ended(sessionIds: readonly string[]): Promise<readonly string[]>
}

/** Nobody is asked for a token, and none is read. */
export const openIdentity: Identity = {
  identify: async () => anonymous,
  onRevoked: () => () => {},
  ended: async () => [],
}

const bearer = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i
/** Verifying a signature costs more than a whole small query, so what was verified is remembered. */
const rememberedTokens = 10_000

/** Identity by access tokens; a revoked session is refused at once, on every transport. */
export function createIdentity(tokens: AccessTokens, gate: SessionGate, clock: Clock): Identity {
  const verified = new LRUCache<string, VerifiedToken>({ max: rememberedTokens })

  /** Those who come with one token at once have it verified once. */
  const verifying = new Map<string, Promise<VerifiedToken>>()

  function verify(token: string): Promise<VerifiedToken> | VerifiedToken {
    const known = verified.get(token)
    if (known !== undefined && known.expiresAt > clock.now()) return known
    const running = verifying.get(token) ?? verifyAnew(token).finally(() => verifying.delete(token))
    verifying.set(token, running)
    return running
  }

  async function verifyAnew(token: string): Promise<VerifiedToken> {
    const fresh = await tokens.verify(token).catch((cause: unknown) => {
      throw unauthenticated('The access token is expired or not valid.', cause)
    })
    verified.set(token, fresh)
    return fresh
  }

  return {
    async identify(authorization) {
      if (authorization === undefined || authorization === '') return anonymous
      const token = bearer.exec(authorization)?.[1]
      if (token === undefined) throw unauthenticated('The authorization must be of the form: Bearer <access token>.')
      const found = await verify(token)
      if (!(await gate.isLive(found.viewer.sessionId))) throw unauthenticated('The session has ended.')
      return found
    },
    onRevoked: (listener) => gate.onRevoked(listener),
    ended: (sessionIds) => gate.ended(sessionIds),
  }
}

interface Known {
  readonly live: Promise<boolean>
  /** When it was asked for, in milliseconds. */
  readonly askedAt: number
}

/**
 * A session gate that asks its source once in a while and takes word of revocations in between. `ttlMs` bounds how
 * long a revocation that nobody told of can go unnoticed. From half of that on the source is asked again behind the
 * answer that is known, so that whoever goes on asking never waits for it.
 */
export class CachedSessionGate implements SessionGate {
  readonly #ask: (sessionId: string) => Promise<boolean>
  readonly #askEnded: (sessionIds: readonly string[]) => Promise<readonly string[]>
  readonly #known: LRUCache<string, Known>
  readonly #renewing = new Set<string>()
  readonly #renewAfterMs: number
  readonly #listeners = new Set<(sessionId: string) => void>()

  /** @param askEnded which of many sessions have ended, asked of the source at once */
  constructor(
    ask: (sessionId: string) => Promise<boolean>,
    options: { ttlMs: number; max?: number; askEnded?: (sessionIds: readonly string[]) => Promise<readonly string[]> },
  ) {
    this.#ask = ask
    this.#askEnded = options.askEnded ?? (async () => [])
    this.#renewAfterMs = options.ttlMs / 2
    this.#known = new LRUCache({ max: options.max ?? 10_000, ttl: options.ttlMs })
  }

  isLive(sessionId: string): Promise<boolean> {
    const known = this.#known.get(sessionId)
    if (known === undefined) return this.#askFor(sessionId)
    if (performance.now() - known.askedAt > this.#renewAfterMs) this.#renew(sessionId, known)
    return known.live
  }

  async ended(sessionIds: readonly string[]): Promise<readonly string[]> {
    const ended = await this.#askEnded(sessionIds)
    for (const sessionId of ended) this.#keep(sessionId, Promise.resolve(false))
    return ended
  }

  /** Ends a session here and now: for the sign-out of this process and for word from others. */
  revoke(sessionId: string): void {
    this.#keep(sessionId, Promise.resolve(false))
    for (const listener of this.#listeners) listener(sessionId)
  }

  onRevoked(listener: (sessionId: string) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #askFor(sessionId: string): Promise<boolean> {
    const live = this.#ask(sessionId)
    this.#keep(sessionId, live)
    // A failed look-up must not stand for an answer; whoever waits for it sees the failure itself.
    live.catch(() => {
      if (this.#known.peek(sessionId)?.live === live) this.#known.delete(sessionId)
    })
    return live
  }

  /** What came to be known meanwhile, as that the session was ended, is newer than the answer. */
  #renew(sessionId: string, known: Known): void {
    if (this.#renewing.has(sessionId)) return
    this.#renewing.add(sessionId)
    const askedAt = performance.now()
    this.#ask(sessionId)
      .then((isLive) => {
        if (this.#known.peek(sessionId) === known) this.#keep(sessionId, Promise.resolve(isLive), askedAt)
      })
      // The answer that is known holds until its time is over.
      .catch(() => {})
      .finally(() => this.#renewing.delete(sessionId))
  }

  #keep(sessionId: string, live: Promise<boolean>, askedAt = performance.now()): void {
    this.#known.set(sessionId, { live, askedAt }, { start: askedAt })
  }
}

function unauthenticated(message: string, cause?: unknown): Error {
  const error = codedError('UNAUTHENTICATED', message)
  if (cause !== undefined) error.cause = cause
  return error
}
