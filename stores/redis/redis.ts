import type { Redis } from 'ioredis'
import type { Log } from '../../lib/log.ts'

/** How long the server may take to answer. Milliseconds. */
const timeoutMs = 5_000
const lastRetry = 2_000

/** A Redis server, as the adapters use it. */
export interface RedisStore {
  /** Commands that find no connection fail at once; nothing waits in memory for it. */
  readonly client: Redis
  /** Begins every key and channel: systems that share a server stay apart. */
  readonly prefix: string
  /** Whether a key stays until its time is over: a server that evicts keys may forget any of them. */
  readonly keepsKeys: boolean
  readonly connections: readonly Redis[]
  /** A further connection with the same settings, for what needs one of its own; closed with the store. */
  connect(): Promise<Redis>
  close(): Promise<void>
}

/**
 * Opens a Redis server; its URL names the user of its ACL.
 * @param systemId of whose system the keys are.
 * @throws the driver's error when the server cannot be reached at first, or refuses the user
 */
export async function openRedis(url: string, systemId: string, logger: Log): Promise<RedisStore> {
  // Read where there is a server, so that a start without one does not pay for it.
  const driver = await import('ioredis')
  const connections: Redis[] = []
  const connect = async () => {
    const connection = new driver.Redis(url, {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      retryStrategy: (times) => Math.min(50 * 2 ** times, lastRetry),
    })
    connections.push(connection)
    let first: Error | undefined
    connection.on('error', (error) => {
      first ??= error
      logger.warn({ err: error }, 'Redis cannot be reached')
    })
    await connection.connect().catch((error: unknown) => {
      connection.disconnect()
      throw first ?? error
    })
    return connection
  }
  try {
    const client = await connect()
    const policy = /^maxmemory_policy:(\S+)/m.exec(await client.info('memory'))?.[1]
    return {
      client,
      prefix: `mnemograph:${systemId}:`,
      keepsKeys: policy === 'noeviction',
      connections,
      connect,
      async close() {
        for (const connection of connections) connection.disconnect()
      },
    }
  } catch (error) {
    for (const connection of connections) connection.disconnect()
    throw error
  }
}
