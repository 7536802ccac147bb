/** The encoder's thread: reads the word vectors when the first texts come, then answers one request after another. */
import { readFileSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { encodeSentence } from './sentence.ts'
import type { EncodeReply, EncodeRequest } from './static-vectors.ts'
import { openWordVectors, type WordVectors } from './word-vectors-file.ts'

let vectors: WordVectors | undefined

function open(path: string): WordVectors {
  try {
    return openWordVectors(readFileSync(path))
  } catch (error) {
    throw new Error(`the encoder cannot read its word vectors: run "npm run prepare" (${(error as Error).message})`)
  }
}

function encode(texts: readonly string[]): Float32Array<ArrayBuffer> {
  vectors ??= open(workerData as string)
  const { dimensions } = vectors
  const flat = new Float32Array(texts.length * dimensions)
  for (const [i, text] of texts.entries()) flat.set(encodeSentence(vectors, text), i * dimensions)
  return flat
}

parentPort?.on('message', ({ id, texts }: EncodeRequest) => {
  try {
    const encoded = encode(texts)
    parentPort?.postMessage({ id, vectors: encoded } satisfies EncodeReply, [encoded.buffer])
  } catch (error) {
    parentPort?.postMessage({ id, error: (error as Error).message } satisfies EncodeReply)
  }
})
