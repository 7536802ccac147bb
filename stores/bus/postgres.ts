import pg from 'pg'
import type { Log } from '../../lib/log.ts'
import { inProcessBus } from './in-process.ts'
import { readMessage, writeMessage } from './message.ts'
import { type Bus, checkMessage, type Topic } from './port.ts'

const channel = 'mnemograph'
/** Milliseconds before the first try to connect again, doubled with each one after it. */
const firstRetry = 100
const lastRetry = 10_000
/** How long the server may take to answer. */
const timeoutMs = 5_000
/** What waits to be sent while the database is away; older hints are dropped. */
const maximumPending = 1000

/**
 * A bus among all processes on one PostgreSQL server, by LISTEN and NOTIFY over one connection of its own. What this
 * process publishes it hears without the database. While the connection is broken nothing comes from others; when it
 * is back, whoever follows the log is woken, since he may have missed something.
 * @throws the driver's error when the server cannot be reached at first
 */
export async function openPostgresBus(config: pg.ClientConfig, logger: Log): Promise<Bus> {
  const bus = new PostgresBus(config, logger)
  await bus.connect()
  return bus
}

class PostgresBus implements Bus {
  readonly #config: pg.ClientConfig
  readonly #logger: Log
  readonly #local = inProcessBus()
  /** Payloads to be sent, each once: the same hint twice tells no more. */
  readonly #pending = new Set<string>()
  #client: pg.Client | null = null
  #sending: Promise<void> | null = null
  #retry: NodeJS.Timeout | null = null
  #failures = 0
  #isClosed = false

  constructor(config: pg.ClientConfig, logger: Log) {
    this.#config = { keepAlive: true, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs, ...config }
    this.#logger = logger
  }

  publish(topic: Topic, message = ''): void {
    checkMessage(message)
    if (this.#isClosed) return
    this.#local.publish(topic, message)
    this.#pending.add(writeMessage(topic, message))
    if (this.#pending.size > maximumPending) this.#pending.delete(this.#pending.values().next().value as string)
    this.#send()
  }

  subscribe(topic: Topic, listener: (message: string) => void): () => void {
    return this.#local.subscribe(topic, listener)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#retry) clearTimeout(this.#retry)
    await this.#sending
    await this.#local.close()
    await this.#client?.end().catch(() => {})
  }

  async connect(): Promise<void> {
    const client = new pg.Client(this.#config)
    client.on('notification', ({ processId, payload = '' }) => {
      if (processId !== processIdOf(client)) this.#receive(payload)
    })
    client.on('error', () => {})
    client.once('end', () => this.#lose(client))
    try {
      await client.connect()
      await client.query(`LISTEN ${channel}`)
    } catch (error) {
      client.end().catch(() => {})
      throw error
    }
    this.#client = client
    this.#failures = 0
    this.#send()
  }

  #receive(payload: string): void {
    const read = readMessage(payload)
    if (read) this.#local.publish(...read)
  }

  /** One statement at a time; what is published meanwhile goes with the next. */
  #send(): void {
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = null
    })
  }

  async #drain(): Promise<void> {
    while (this.#pending.size > 0 && this.#client !== null) {
      const payloads = [...this.#pending]
      this.#pending.clear()
      try {
        await this.#client.query('SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload', [
          channel,
          payloads,
        ])
      } catch (error) {
        this.#logger.warn({ err: error }, 'Other processes could not be woken')
        for (const payload of payloads) this.#pending.add(payload)
        return
      }
    }
  }

  #lose(client: pg.Client): void {
    if (this.#client !== client || this.#isClosed) return
    this.#client = null
    this.#logger.warn('The connection to other processes is lost; it is opened again')
    this.#connectLater()
  }

  #connectLater(): void {
    const wait = Math.min(firstRetry * 2 ** this.#failures++, lastRetry)
    this.#retry = setTimeout(() => void this.#reconnect(), wait)
    this.#retry.unref()
  }

  async #reconnect(): Promise<void> {
    try {
      await this.connect()
    } catch {
      if (!this.#isClosed) this.#connectLater()
      return
    }
    if (this.#isClosed) await this.#client?.end().catch(() => {})
    this.#local.publish('events')
  }
}

/** The driver's types leave out the number by which the server names a connection. */
function processIdOf(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID
}
