import type { PolicySum } from './cache-control.ts'
import type { Clock, IdSource } from './sources.ts'
import type { Span } from './trace.ts'

/** What a user may be in the tenant. */
export type Role = 'ADMIN' | 'ANALYST' | 'MEMBER' | 'SERVICE'

/** Who asks. Made by the gateway's identity step from a verified token; rooms never make one themselves. */
export interface Viewer {
  readonly userId: string
  readonly tenantId: string
  /** The sign-in session the token belongs to, so that revoking it ends the token too. */
  readonly sessionId: string
  readonly role: Role
  readonly scopes: readonly string[]
}

/** The `sessionId` of a viewer who has not signed in: whoever runs the system, or a job, speaks for him. No session has it. */
export const noSession = '00000000-0000-0000-0000-000000000000'

/** Where a request came from, as the edge saw it: for limits, and for a user to tell his sign-ins apart. */
export interface Peer {
  /** The network address, without a port. */
  readonly address: string
  /** What the client calls itself; its word alone. */
  readonly agent: string | null
}

/**
 * The one context of a request. It goes unchanged from the edge through channel, resolver and loader to the store.
 * `null` viewer means that nobody is signed in: rooms then serve only what needs no identity.
 */
export interface RequestContext {
  readonly viewer: Viewer | null
  /** Milliseconds since the epoch after which no work may go on. */
  readonly deadline: number
  /** Aborts when the client goes away or the deadline passes; it reaches the database's query. */
  readonly signal: AbortSignal
  readonly traceId: string
  /** What this work is part of in its trace; undefined unless traces are kept. */
  readonly span?: Span | undefined
  /** The caller's `tracestate`, which goes on as it came. */
  readonly traceState?: string
  /** The cursor after which a reconnecting stream goes on (SSE's `Last-Event-ID`); it wins over an older `after` argument. */
  readonly resumeAfter?: string
  /** The client's headers that a rule may send on to a subgraph; absent when no rule does. They can change an answer. */
  readonly clientHeaders?: Readonly<Record<string, string>>
  /** Absent for what no client asked, such as a job or a command on the control socket. */
  readonly peer?: Peer
  /** Takes in how long each part of the answer may be kept; absent where nobody asks, or nothing may be kept. */
  readonly cachePolicy?: PolicySum
  /**
   * How many mutations the gateway had answered when this query began. Set where what is asked of a subgraph may be
   * shared with others who ask the same under the same authority, and with the same number of writes behind them.
   */
  readonly writesBefore?: number
  /**
   * Under which tag what is read for this query is kept, where answers are kept; taken when it began. What was read for
   * others under another tag may be older than this one allows, so that nothing is shared with them.
   */
  readonly readUnder?: string
  readonly clock: Clock
  readonly ids: IdSource
}

/** All of a context that can change a query's answer: two with the same text may share one. */
export function authorityOf({ viewer, clientHeaders, resumeAfter }: RequestContext): string {
  return JSON.stringify([viewer, clientHeaders, resumeAfter])
}
