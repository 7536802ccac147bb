import type { IncomingMessage } from 'node:http'
import { GraphQLError } from 'graphql'
import { CloseCode, type Context, MessageType } from 'graphql-ws'
import type { WebSocket } from 'ws'
import type { Client } from '../../lib/call.ts'
import type { Viewer } from '../../lib/context.ts'
import type { Identified } from '../identity.ts'
import { clientOf } from './client.ts'
import type { Connections } from './connections.ts'
import type { Crowd } from './crowd.ts'
import type { Authenticate } from './graphql.ts'
import { close, end, send } from './socket.ts'

/** What is known of one socket. */
export interface Extra {
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly authenticate: Authenticate
  identified?: Identified
  authorization?: string | undefined
  client?: Client | undefined
  unwatch?: () => void
  /** Lets go of the user's place. */
  leave?: () => void
}

export type SocketContext = Context<{ authorization?: unknown }, Extra>

/** Who asks on sockets: from the first message on, through renewed tokens, until the authority ends. */
export class SocketAuthority {
  readonly #connections: Connections
  readonly #crowd: Crowd

  constructor(connections: Connections, crowd: Crowd) {
    this.#connections = connections
    this.#crowd = crowd
  }

  async connect(context: SocketContext): Promise<boolean> {
    const { extra, connectionParams } = context
    const given = connectionParams?.authorization
    extra.client = clientOf(connectionParams ?? {}) ?? clientOf(extra.request.headers)
    extra.authorization = typeof given === 'string' ? given : extra.request.headers.authorization
    const identified = await this.identify(extra)
    if (identified === null) return false
    if (extra.socket.readyState !== extra.socket.OPEN) return false
    const leave = this.#crowd.enterAs(identified.viewer?.userId)
    if (leave === null) {
      close(extra.socket, CloseCode.TooManyInitialisationRequests, 'Too many connections')
      return false
    }
    extra.leave = leave
    this.#watch(extra, identified)
    return true
  }

  #watch(extra: Extra, identified: Identified): void {
    extra.unwatch?.()
    extra.identified = identified
    extra.unwatch = this.#connections.watch(identified, (reason) => end(extra.socket, reason))
  }

  /**
   * Answers a ping. One whose payload holds an `authorization` puts that token in the place of the one before, so that
   * the socket outlives it; the pong's payload then says so. Its streams go on, unless the new token gives other rights.
   */
  async renew(extra: Extra, payload: Record<string, unknown> | undefined): Promise<void> {
    const given = payload?.authorization
    const { socket, identified: earlier } = extra
    if (typeof given !== 'string' || earlier === undefined) {
      return send(socket, JSON.stringify({ type: MessageType.Pong, ...(given === undefined ? { payload } : {}) }))
    }
    const identified = await this.identify({ ...extra, authorization: given })
    if (socket.readyState !== socket.OPEN) return
    if (identified === null) return close(socket, CloseCode.Forbidden, 'Forbidden')
    if (!hasSameRights(earlier.viewer, identified.viewer)) return end(socket, 'changed')
    extra.authorization = given
    this.#watch(extra, identified)
    const expiresAt = identified.expiresAt?.toISOString() ?? null
    await send(socket, JSON.stringify({ type: MessageType.Pong, payload: { renewed: true, expiresAt } }))
  }

  /** Null when the token is no good. */
  async identify(extra: Extra): Promise<Identified | null> {
    try {
      return await extra.authenticate(extra.authorization)
    } catch (error) {
      if (error instanceof GraphQLError) return null
      throw error
    }
  }
}

function hasSameRights(one: Viewer | null, other: Viewer | null): boolean {
  const rights = (viewer: Viewer | null) =>
    JSON.stringify(viewer && [viewer.tenantId, viewer.userId, viewer.role, viewer.scopes.toSorted()])
  return rights(one) === rights(other)
}
