import pg from 'pg'

/** One statement as the driver was given it. */
interface Sent {
  readonly text: string
  readonly values: unknown[]
}

/** Sends what an operation sent, by the driver alone. */
export interface Replay {
  run(): Promise<unknown>
  close(): Promise<void>
}

/** All statements of an operation, BEGIN and the security context among them, in the order in which they were sent. */
export async function record(work: () => Promise<unknown>): Promise<Replay> {
  const sent: Sent[] = []
  let parameters: pg.ClientConfig | undefined
  const original = pg.Client.prototype.query
  pg.Client.prototype.query = function (this: pg.Client, ...args: unknown[]) {
    const [config, values] = args as [string | Sent, unknown[] | undefined]
    sent.push(typeof config === 'string' ? { text: config, values: values ?? [] } : config)
    parameters ??= (this as unknown as { connectionParameters: pg.ClientConfig }).connectionParameters
    return Reflect.apply(original, this, args)
  } as typeof original
  try {
    await work()
  } finally {
    pg.Client.prototype.query = original
  }
  const client = new pg.Client({ ...parameters, pipeline: true } as pg.ClientConfig)
  await client.connect()
  return {
    // What was written is taken back, so that it can be written again.
    run: () => Promise.all(sent.map(({ text, values }) => client.query(text === 'COMMIT' ? 'ROLLBACK' : text, values))),
    close: () => client.end(),
  }
}
