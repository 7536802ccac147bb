/** The encoder's thread: reads the word vectors when first asked, then answers one request after another. */
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { relatedWords } from './related-words.ts'
import { encodeSentence } from './sentence.ts'
import type { Reply, Request } from './static-vectors.ts'
import { openWordVectors, type WordVectors } from './word-vectors-file.ts'

let vectors: WordVectors | undefined
let related: ReturnType<typeof relatedWords> | undefined

function open(path: string): WordVectors {
  try {
    return openWordVectors(readFileSync(path))
  } catch (error) {
    throw new Error(`the encoder cannot read its word vectors: run "npm run prepare" (${(error as Error).message})`)
  }
}

function encode(words: WordVectors, texts: readonly string[]): Float32Array<ArrayBuffer> {
  const { dimensions } = words
  const flat = new Float32Array(texts.length * dimensions)
  for (const [i, text] of texts.entries()) flat.set(encodeSentence(words, text), i * dimensions)
  return flat
}

function answer(request: Request): Reply {
  try {
    vectors ??= open(workerData as string)
    if ('texts' in request) return { id: request.id, vectors: encode(vectors, request.texts) }
    related ??= relatedWords(vectors)
    return { id: request.id, related: request.words.map(related) }
  } catch (error) {
    return { id: request.id, error: (error as Error).message }
  }
}

parentPort?.on('message', (request: Request) => {
  const reply = answer(request)
  parentPort?.postMessage(reply, 'vectors' in reply ? [reply.vectors.buffer] : [])
})
