import pg from 'pg'
import type { Log } from '../../lib/log.ts'
import type { Bus } from './port.ts'
import { SharedBus, type Wire } from './shared.ts'

const channel = 'mnemograph'
/** Milliseconds before the first try to connect again, doubled with each one after it. */
const firstRetry = 100
const lastRetry = 10_000
/** How long the server may take to answer. */
const timeoutMs = 5_000

/**
 * A bus among all processes on one PostgreSQL server, by LISTEN and NOTIFY over one connection of its own. While the
 * connection is broken nothing comes from others; when it is back, whoever follows the log is woken.
 * @throws the driver's error when the server cannot be reached at first
 */
export async function openPostgresBus(config: pg.ClientConfig, logger: Log): Promise<Bus> {
  const wire = new PostgresWire(config, logger)
  const bus = new SharedBus(wire, logger)
  wire.bus = bus
  await wire.connect()
  return bus
}

class PostgresWire implements Wire {
  /** Hears what comes, and when the connection is back. */
  bus: SharedBus | null = null
  readonly #config: pg.ClientConfig
  readonly #logger: Log
  #client: pg.Client | null = null
  #retry: NodeJS.Timeout | null = null
  #failures = 0
  #isClosed = false

  constructor(config: pg.ClientConfig, logger: Log) {
    this.#config = { keepAlive: true, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs, ...config }
    this.#logger = logger
  }

  get isOpen(): boolean {
    return this.#client !== null
  }

  async send(texts: readonly string[]): Promise<readonly string[]> {
    const statement = 'SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload'
    const sent = this.#client?.query(statement, [channel, texts])
    return sent === undefined
      ? texts
      : sent.then(
          () => [],
          () => texts,
        )
  }

  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#retry) clearTimeout(this.#retry)
    await this.#client?.end().catch(() => {})
  }

  async connect(): Promise<void> {
    const client = new pg.Client(this.#config)
    client.on('notification', ({ processId, payload = '' }) => {
      if (processId !== processIdOf(client)) this.bus?.receive(payload)
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
    this.bus?.flush()
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
    this.bus?.wake()
  }
}

/** The driver's types leave out the number by which the server names a connection. */
function processIdOf(client: pg.Client): number | null {
  return (client as unknown as { readonly processID: number | null }).processID
}
