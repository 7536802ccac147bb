import { ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'

/** What has failed so often in a row is left alone for a while, so that nobody waits for it. */
const failuresInRow = 5
const restMs = 10_000

/** A service of somebody else's that an operator has named. */
export interface ProviderAddress {
  readonly url: string
  /** Sent as a bearer token when it is there. */
  readonly key: string | undefined
}

export interface ProviderLimits {
  /** How long an answer may take. Milliseconds. */
  readonly ms: number
  /** How much of an answer is read: whoever sends more is not heard to the end. */
  readonly bytes: number
}

/** Asks a provider and answers the JSON that it said. Rejects with the signal's reason when it aborts. */
export type AskProvider = (body: string | FormData, signal: AbortSignal) => Promise<unknown>

/**
 * The way to a provider. It follows no redirect, which would take the key and what is asked elsewhere, and tells of a
 * failure the status alone: what a provider says of it may repeat either.
 * @param what what comes of it, for messages
 */
export function provider(what: string, { url, key }: ProviderAddress, limits: ProviderLimits): AskProvider {
  const authorization = key === undefined ? {} : { authorization: `Bearer ${key}` }
  const breaker = circuitBreaker(
    handleWhen((error) => !(error instanceof Abandoned)),
    { halfOpenAfter: restMs, breaker: new ConsecutiveBreaker(failuresInRow) },
  )
  const who = `the provider of ${what}`
  const send = async (body: string | FormData, signal: AbortSignal): Promise<unknown> => {
    const type = typeof body === 'string' ? { 'content-type': 'application/json' } : {}
    const headers = { ...type, ...authorization }
    const response = await fetch(url, { method: 'POST', redirect: 'error', headers, body, signal })
    if (response.ok) return readJson(await readAtMost(limits.bytes, response.body ?? [], who), who)
    await response.body?.cancel()
    throw new Error(`${who} answered ${response.status}`)
  }
  return async (body, given) => {
    given.throwIfAborted()
    try {
      return await breaker.execute(() =>
        send(body, AbortSignal.any([given, AbortSignal.timeout(limits.ms)])).catch((error: unknown) => {
          throw given.aborted ? new Abandoned() : error
        }),
      )
    } catch (error) {
      given.throwIfAborted()
      throw error
    }
  }
}

/** Nobody waits any more, which says nothing of the provider. */
class Abandoned extends Error {}

/** The text of an answer. @throws when it is longer: the rest is not read. */
export async function readAtMost(
  bytes: number,
  body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  who: string,
): Promise<string> {
  const chunks: Uint8Array[] = []
  let read = 0
  for await (const chunk of body) {
    read += chunk.length
    if (read > bytes) throw new Error(`${who} answered more than ${bytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

/** @throws without the text, of which the parser's own error tells the beginning. */
export function readJson(text: string, who: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new Error(`${who} answered no JSON`)
  }
}
