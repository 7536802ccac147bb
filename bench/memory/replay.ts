import { AsyncLocalStorage } from 'node:async_hooks'
import pg from 'pg'

/** One statement as the driver was given it. */
interface Sent {
  readonly text: string
  readonly values: unknown[]
  /** Under which the connection keeps it prepared. */
  readonly name?: string | undefined
}

/** Sends what an operation sent, by the driver alone. */
export interface Replay {
  run(): Promise<unknown>
  close(): Promise<void>
}

/**
 * Notes all statements of an operation, BEGIN and the security context among them, in the order in which they are sent.
 * Whatever it writes is taken back, now and each time that it is sent again, so that it can be. The room is told that it
 * was committed, so that what it sends afterwards is noted as well. What goes outside of a transaction wakes others; no
 * answer waits for it.
 */
export async function record(work: () => Promise<unknown>): Promise<Replay> {
  const sent: Sent[] = []
  const scope = new AsyncLocalStorage<true>()
  let parameters: pg.ClientConfig | undefined
  const open = new Set<pg.Client>()
  const original = pg.Client.prototype.query
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    if (!scope.getStore()) return Reflect.apply(original, this, args)
    const [config, values] = args as [string | Sent, unknown[] | undefined]
    const statement = typeof config === 'string' ? { text: config, values: values ?? [] } : config
    if (statement.text.startsWith('BEGIN')) open.add(this)
    if (!open.has(this)) return Reflect.apply(original, this, args)
    const ends = statement.text === 'COMMIT'
    if (ends) open.delete(this)
    const text = ends ? 'ROLLBACK' : statement.text
    const kept = { text, values: statement.values ?? [], name: statement.name }
    sent.push(kept)
    const { connectionParameters, password } = this as unknown as {
      connectionParameters: pg.ClientConfig
      password: string
    }
    parameters ??= { ...connectionParameters, password }
    const result = Reflect.apply(original, this, [{ ...statement, ...kept }]) as unknown as Promise<pg.QueryResult>
    return ends ? result.then((ended) => ({ ...ended, command: 'COMMIT' })) : result
  } as typeof original
  try {
    // What was to be read back is not there.
    await scope.run(true, work).catch(() => {})
  } finally {
    pg.Client.prototype.query = original
  }
  const client = new pg.Client({ ...parameters, pipeline: true } as pg.ClientConfig)
  await client.connect()
  return {
    run: () => Promise.all(sent.map((statement) => client.query(statement))),
    close: () => client.end(),
  }
}
