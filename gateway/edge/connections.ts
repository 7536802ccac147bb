import type { Viewer } from '../../lib/context.ts'
import type { Clock } from '../../lib/sources.ts'
import type { Identified, Identity } from '../identity.ts'

/** Why the server ends a connection that its client would have kept. */
export type EndReason = 'stopping' | 'reloaded' | 'expired' | 'revoked' | 'slow'

/**
 * The WebSocket close code of each reason. All but `expired` and `revoked` mean: connect again and resume from the
 * last cursor. 1001, 1012 and 1013 are IANA's; 4403 is the GraphQL over WebSocket protocol's "Forbidden".
 */
export const closeCodes: Readonly<Record<EndReason, { code: number; reason: string }>> = {
  stopping: { code: 1001, reason: 'Server is stopping' },
  reloaded: { code: 1012, reason: 'Schema reloaded' },
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

/** The long-lived connections of an edge, so that each ends when its authority or the server does. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #clock: Clock
  readonly #stopListening: () => void

  constructor(identity: Identity, clock: Clock) {
    this.#clock = clock
    this.#stopListening = identity.onRevoked((sessionId) => this.#endSession(sessionId))
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
    this.#stopListening()
  }

  #endSession(sessionId: string): void {
    for (const connection of [...this.#open]) {
      if (connection.viewer?.sessionId === sessionId) connection.end('revoked')
    }
  }
}
