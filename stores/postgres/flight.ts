import type { PoolClient, QueryResult } from 'pg'

/**
 * Sends statements in one packet and settles when all have settled: with their results, or with the first failure in
 * order, since the ones behind it only say that the transaction is aborted.
 */
export async function inOneFlight(client: PoolClient, send: () => Promise<QueryResult>[]): Promise<QueryResult[]> {
  const uncork = cork(client)
  const flight = send()
  uncork()
  const settled = await Promise.allSettled(flight)
  return settled.map((outcome) => {
    if (outcome.status === 'rejected') throw outcome.reason
    return outcome.value
  })
}

/** Sends what is written from now on, until the work at hand waits for something, in one packet. */
export function corkForNow(client: PoolClient): void {
  process.nextTick(cork(client))
}

/** Holds back what is written to the server until the returned function is called: each packet wakes the server once. */
function cork(client: PoolClient): () => void {
  const { stream } = (client as unknown as { connection: { stream: { cork(): void; uncork(): void } } }).connection
  stream.cork()
  return () => stream.uncork()
}
