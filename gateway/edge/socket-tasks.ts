import type { WebSocket } from 'ws'
import type { Call } from '../../lib/call.ts'
import { noticeOf } from '../../lib/live.ts'
import type { Lease } from '../live-engine.ts'
import type { Answer } from './errors.ts'
import { type AdmittedOperation, isSubscription, type Operations } from './operations.ts'
import { pump } from './pump.ts'
import { end, send } from './socket.ts'

/** Bytes that may wait in a socket before its streams wait for the reader. */
const highWater = 256 * 1024

/** One operation on a socket. */
export interface Task {
  readonly id: string
  readonly admitted: AdmittedOperation
  readonly lease: Lease
  readonly call: Call
  readonly socket: WebSocket
}

/** What runs on sockets. */
export class SocketTasks {
  readonly #operations: Operations
  readonly #stallMs: number
  /** How many queries and mutations run on a socket; none when it is not here. */
  readonly #running = new Map<WebSocket, number>()
  #draining = false

  constructor(operations: Operations, stallMs: number) {
    this.#operations = operations
    this.#stallMs = stallMs
  }

  /** Closes the sockets, each as soon as the queries and mutations that run on it are answered. */
  drain(sockets: Iterable<WebSocket>): void {
    this.#draining = true
    for (const socket of sockets) this.#endIfIdle(socket)
  }

  /**
   * Writes the operation's answers to the socket itself, since their text is ready: graphql-ws sees a stream of
   * nothing, keeps the operation's id, and says `complete` when it ends.
   */
  relay(task: Task): AsyncIterableIterator<never> {
    const over: IteratorResult<never> = { done: true, value: undefined }
    let begun = false
    const finish = async () => {
      task.call.cancel(new Error('the client completed the operation'))
      if (!begun) finishTask(task)
      return over
    }
    const relay: AsyncIterableIterator<never> = {
      next: async () => {
        begun = true
        await this.#run(task)
        return over
      },
      return: finish,
      throw: finish,
      [Symbol.asyncIterator]: () => relay,
    }
    return relay
  }

  async #run(task: Task): Promise<void> {
    const { admitted, lease, call, socket } = task
    const onReplaced = () => end(socket, 'reloaded')
    const streaming = isSubscription(admitted)
    if (streaming) lease.replaced.addEventListener('abort', onReplaced)
    else this.#count(socket, 1)
    const prefix = `{"id":${JSON.stringify(task.id)},"type":"next","payload":`
    try {
      const outcome = await pump(this.#operations, admitted, lease, call, {
        write: (answer) => this.#write(socket, prefix, answer),
      })
      if (outcome === 'lagging') end(socket, 'slow')
    } finally {
      lease.replaced.removeEventListener('abort', onReplaced)
      if (!streaming) this.#count(socket, -1)
      finishTask(task)
    }
  }

  #count(socket: WebSocket, change: 1 | -1): void {
    const running = (this.#running.get(socket) ?? 0) + change
    if (running > 0) this.#running.set(socket, running)
    else this.#running.delete(socket)
    // After this turn, so that the operation's `complete` goes out before the close.
    if (this.#draining) setImmediate(() => this.#endIfIdle(socket))
  }

  #endIfIdle(socket: WebSocket): void {
    if (!this.#running.has(socket)) end(socket, 'stopping')
  }

  async #write(socket: WebSocket, prefix: string, { text, cursor }: Answer): Promise<boolean> {
    const sent = send(socket, `${prefix}${text}}`)
    if (socket.bufferedAmount <= highWater) return socket.readyState === socket.OPEN
    const stalled = Promise.withResolvers<void>()
    const timer = setTimeout(() => {
      if (cursor !== undefined) void send(socket, `${prefix}${laggingAt(cursor)}}`)
      end(socket, 'slow')
      stalled.resolve()
    }, this.#stallMs)
    await Promise.race([sent, stalled.promise])
    clearTimeout(timer)
    return socket.readyState === socket.OPEN
  }
}

/** Tells a reader that it was too slow, and from where it can go on. */
function laggingAt(cursor: string): string {
  return JSON.stringify(noticeOf({ cursor, resync: false, lagging: true }))
}

function finishTask({ call, lease }: Task): void {
  call.context.span?.end()
  call.end()
  lease.release()
}
