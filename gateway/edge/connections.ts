import type { Viewer } from '../../lib/context.ts'
import type { Log } from '../../lib/log.ts'
import type { Clock } from '../../lib/sources.ts'
import type { Identified, Identity } from '../identity.ts'

/** Why the server ends a connection that its client would have kept. */
export type EndReason = 'stopping' | 'reloaded' | 'changed' | 'expired' | 'revoked' | 'slow'

/**
 * The WebSocket close code of each reason. All but `expired` and `revoked` mean: connect again and resume from the
 * last cursor. 1001, 1012 and 1013 are IANA's; 4403 is the GraphQL over WebSocket protocol's "Forbidden".
 */
export const closeCodes: Readonly<Record<EndReason, { code: number; reason: string }>> = {
  stopping: { code: 1001, reason: 'Server is stopping' },
  reloaded: { code: 1012, reason: 'Schema reloaded' },
  changed: { code: 1012, reason: 'Authority changed' },
  slow: { code: 1013, reason: 'Reader too slow' },
  expired: { code: 4403, reason: 'Token expired' },
  revoked: { code: 4403, reason: 'Session revoked' },
}

/** The reason as a stream over HTTP tells it, where there are no close codes. */
export function endingOf(reason: EndReason): string {
  const { code, reason: message } = closeCodes[reason]
  return JSON.stringify({ message, extensions: { code: 'STREAM_CLOSED', closeCode: code } })
}

interface Connection {
  readonly viewer: Viewer | null
  readonly end: (reason: EndReason) => void
}

/** setTimeout takes no more than this; a token that lives longer outlives any connection. */
const longestTimer = 2 ** 31 - 1

/** How often open connections are asked about, so that a session ends in time also when word of it was lost. */
const recheckMs = 750

/** The long-lived connections of an edge, so that each ends when its authority or the server does. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #identity: Identity
  readonly #clock: Clock
  readonly #log: Log
  readonly #stopListening: () => void
  readonly #recheck: NodeJS.Timeout
  #isChecking = false

  constructor(identity: Identity, clock: Clock, log: Log) {
    this.#identity = identity
    this.#clock = clock
    this.#log = log
    this.#stopListening = identity.onRevoked((sessionId) => this.#endSession(sessionId))
    this.#recheck = setInterval(() => void this.#check(), recheckMs)
    this.#recheck.unref()
  }

  get size(): number {
    return this.#open.size
  }

  /** Watches a connection until the returned function is called; `end` is called at most once. */
  watch({ viewer, expiresAt }: Identified, end: (reason: EndReason) => void): () => void {
    const connection: Connection = {
      viewer,
      end: (reason) => {
        forget()
        end(reason)
      },
    }
    this.#open.add(connection)
    const left = expiresAt === null ? Number.POSITIVE_INFINITY : expiresAt.getTime() - this.#clock.now().getTime()
    const timer = left > longestTimer ? undefined : setTimeout(() => connection.end('expired'), left)
    const forget = () => {
      clearTimeout(timer)
      this.#open.delete(connection)
    }
    return forget
  }

  endAll(reason: EndReason): void {
    for (const connection of [...this.#open]) connection.end(reason)
  }

  close(): void {
    clearInterval(this.#recheck)
    this.#stopListening()
  }

  async #check(): Promise<void> {
    const sessions = new Set<string>()
    for (const { viewer } of this.#open) if (viewer) sessions.add(viewer.sessionId)
    if (sessions.size === 0 || this.#isChecking) return
    this.#isChecking = true
    try {
      for (const sessionId of await this.#identity.ended([...sessions])) this.#endSession(sessionId)
    } catch (error) {
      // What cannot be asked now is asked again; meanwhile word of a revocation still comes.
      this.#log.warn({ err: error }, 'The sessions of open connections could not be checked')
    } finally {
      this.#isChecking = false
    }
  }

  #endSession(sessionId: string): void {
    for (const connection of [...this.#open]) {
      if (connection.viewer?.sessionId === sessionId) connection.end('revoked')
    }
  }
}
