import { setTimeout as pause } from 'node:timers/promises'
import { ConsecutiveBreaker, circuitBreaker, handleWhen } from 'cockatiel'
import { Agent, request } from 'undici'
import { readAtMost, readJson } from '../provider.ts'
import type { Encoder } from './port.ts'

/** What one request carries at most; providers count tokens, of which a character is at most one. */
const textsAtOnce = 128
const charactersAtOnce = 200_000
const longestText = 24_000
/** The most that is read of an answer for each text: models make up to some thousand numbers, of twenty-odd digits. */
const bytesAText = 262_144
const who = "the encoder's provider"
/** One text is a question that somebody waits for; more are background work. Milliseconds. */
const questionMs = 5_000
const batchMs = 60_000
const attempts = 4
const firstPauseMs = 500
const longestPauseMs = 20_000
const failuresInRow = 5
const restMs = 10_000

export interface RemoteEncoderSettings {
  /** Where an OpenAI-compatible interface begins, as `https://api.openai.com/v1`. */
  readonly url: string
  readonly key?: string | undefined
  readonly model: string
  readonly dimensions: number
}

/** What went wrong at the provider. It tells the status alone: providers repeat parts of keys in what they say. */
export class EncoderError extends Error {
  override readonly name = 'EncoderError'
  readonly status: number | null
  readonly retryAfterMs: number | null

  constructor(message: string, status: number | null = null, retryAfterMs: number | null = null) {
    super(message)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** The name under which an index keeps a provider's vectors: of another length they are others. */
export const remoteModel = ({ model, dimensions }: Pick<RemoteEncoderSettings, 'model' | 'dimensions'>) =>
  `${model}@${dimensions}`

/** A provider's model behind an OpenAI-compatible interface. While the provider fails, encoding fails at once. */
export function remoteEncoder(settings: RemoteEncoderSettings): Encoder {
  const agent = new Agent({ connections: 8 })
  const closing = new AbortController()
  const ours = (error: unknown) => !(error instanceof EncoderError) || isPassing(error)
  const breaker = circuitBreaker(handleWhen(ours), {
    halfOpenAfter: restMs,
    breaker: new ConsecutiveBreaker(failuresInRow),
  })
  const target = `${settings.url.replace(/\/$/, '').replace(/\/embeddings$/, '')}/embeddings`
  const headers = {
    'content-type': 'application/json',
    ...(settings.key === undefined ? {} : { authorization: `Bearer ${settings.key}` }),
  }

  async function ask(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    const body = JSON.stringify({ model: settings.model, input: texts, encoding_format: 'float' })
    const answer = await request(target, { method: 'POST', headers, body, dispatcher: agent, signal })
    if (answer.statusCode !== 200) {
      await answer.body.dump()
      const after = Number(answer.headers['retry-after'])
      const wait = Number.isFinite(after) && after > 0 ? after * 1000 : null
      throw new EncoderError(`${who} answered ${answer.statusCode}`, answer.statusCode, wait)
    }
    const text = await readAtMost(texts.length * bytesAText, answer.body, who)
    return read(readJson(text, who), texts.length, settings.dimensions)
  }

  async function persist(texts: readonly string[], signal: AbortSignal): Promise<Float32Array[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await ask(texts, AbortSignal.any([signal, AbortSignal.timeout(batchMs)]))
      } catch (error) {
        signal.throwIfAborted()
        if (attempt === attempts || (error instanceof EncoderError && !isPassing(error))) throw error
        const told = error instanceof EncoderError ? error.retryAfterMs : null
        await pause(Math.min(told ?? firstPauseMs * 2 ** (attempt - 1), longestPauseMs), undefined, { signal })
      }
    }
  }

  return {
    model: remoteModel(settings),
    dimensions: settings.dimensions,
    async encode(texts, given) {
      if (closing.signal.aborted) throw new Error('the encoder is closed')
      given?.throwIfAborted()
      const signal = given ? AbortSignal.any([given, closing.signal]) : closing.signal
      const vectors: Float32Array[] = []
      for (const batch of batches(texts)) {
        const work = () =>
          texts.length === 1
            ? ask(batch, AbortSignal.any([signal, AbortSignal.timeout(questionMs)]))
            : persist(batch, signal)
        try {
          vectors.push(...(await breaker.execute(work, signal)))
        } catch (error) {
          // Whatever broke it off, closing is why.
          closing.signal.throwIfAborted()
          throw error
        }
      }
      return vectors
    },
    async close() {
      closing.abort(new Error('the encoder is closed'))
      await agent.destroy()
    },
  }
}

/** What may go well the next time. */
function isPassing({ status }: EncoderError): boolean {
  return status === 408 || status === 429 || (status !== null && status >= 500)
}

function* batches(texts: readonly string[]): Generator<string[]> {
  let batch: string[] = []
  let characters = 0
  for (const text of texts) {
    // Providers refuse empty texts, and texts longer than their models take.
    const cut = text === '' ? ' ' : text.slice(0, longestText).toWellFormed()
    if (batch.length === textsAtOnce || (batch.length > 0 && characters + cut.length > charactersAtOnce)) {
      yield batch
      batch = []
      characters = 0
    }
    batch.push(cut)
    characters += cut.length
  }
  if (batch.length > 0) yield batch
}

/** Vectors in the order of their texts, of length one. Longer ones are cut, as models of nested lengths allow. */
function read(answer: unknown, count: number, dimensions: number): Float32Array[] {
  const { data } = answer as { data?: { index: number; embedding: number[] }[] }
  const vectors = Array.from({ length: count }, () => new Float32Array(0))
  for (const { index, embedding } of Array.isArray(data) ? data : []) {
    if (index in vectors) vectors[index] = unit(Float32Array.from(embedding.slice(0, dimensions)))
  }
  for (const vector of vectors) {
    if (vector.length !== dimensions || !vector.every(Number.isFinite)) {
      throw new EncoderError(`${who} gave a vector of ${vector.length} numbers, not ${dimensions}`)
    }
  }
  return vectors
}

function unit(vector: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  const length = Math.hypot(...vector) || 1
  return vector.map((value) => value / length)
}
