import { connect } from 'node:net'
import type { ClientConfig, PoolClient } from 'pg'
import { DeadlineExceededError, type SecurityContext } from './security.ts'

/** Node's timers hold 31 bits; a later deadline needs no timer, since nothing waits that long. */
const LONGEST_TIMER = 2_147_483_647

/**
 * Waits for `promise`, but no longer than the context's signal and deadline allow. It stops the waiting, not the work.
 * @throws DeadlineExceededError, or the signal's reason
 */
export async function abortable<T>(promise: Promise<T>, security: SecurityContext): Promise<T> {
  const { signal, deadline } = security
  let stop = () => {}
  const over = new Promise<never>((_, reject) => {
    const abort = () => reject(signal?.reason)
    if (signal?.aborted) abort()
    signal?.addEventListener('abort', abort, { once: true })
    const left = deadline - Date.now()
    const timer = left < LONGEST_TIMER ? setTimeout(() => reject(new DeadlineExceededError()), left) : undefined
    stop = () => {
      signal?.removeEventListener('abort', abort)
      clearTimeout(timer)
    }
  })
  try {
    return await Promise.race([promise, over])
  } finally {
    stop()
  }
}

const CANCEL_REQUEST = 80877102

/**
 * Asks the server to stop what this connection runs (manual, 54.2.8). The request has a connection of its own and no
 * answer. It may arrive late: the connection it names must not be used for anything else.
 */
export function sendCancelRequest(config: ClientConfig, client: PoolClient): void {
  const { processID, secretKey } = client as unknown as { processID: number | null; secretKey: number | null }
  if (processID === null || secretKey === null) return
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(CANCEL_REQUEST, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  const { host, port } = address(config, client)
  const socket = host.startsWith('/') ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host)
  socket.on('error', () => socket.destroy())
  socket.end(packet)
}

/** What the client really connected to: a connection string has been taken apart by then. */
function address(config: ClientConfig, client: PoolClient): { host: string; port: number } {
  const { host, port } = client as unknown as { host?: string; port?: number }
  return { host: host ?? config.host ?? 'localhost', port: port ?? config.port ?? 5432 }
}
