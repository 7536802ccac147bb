import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { closeCodes, type EndReason } from './connections.ts'

/** A peer that does not answer the close frame is cut off after this. */
const closeGraceMs = 1000

/** Resolves when the bytes have left the process, or when the socket is gone. */
export function send(socket: WebSocket, text: string): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readyState !== socket.OPEN) return resolve()
    socket.send(text, () => resolve())
  })
}

/** Closes a socket with the code of the reason. */
export function end(socket: WebSocket, reason: EndReason): void {
  close(socket, closeCodes[reason].code, closeCodes[reason].reason)
}

export function close(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), closeGraceMs)
  socket.once('close', () => clearTimeout(timer))
}

/** graphql-ws takes no operation without a query; one that is named by its id or hash gets an empty one. */
export function withQuery(message: string): string {
  if (!message.includes('"documentId"') && !message.includes('"persistedQuery"')) return message
  try {
    const parsed = JSON.parse(message)
    if (parsed?.type !== 'subscribe' || parsed.payload?.query !== undefined) return message
    return JSON.stringify({ ...parsed, payload: { ...parsed.payload, query: '' } })
  } catch {
    // graphql-ws says what is wrong with it.
    return message
  }
}

/** Answers a request for a socket with a status instead. */
export function refuseUpgrade(duplex: Duplex, status: string): void {
  duplex.on('error', () => {})
  duplex.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
