/**
 * The default encoder's effect and cost on a gold set: recall by its vectors alone, how soon the first text is done,
 * texts a second, and the memory it takes.
 *
 *   node bench/recall/encoder.ts FOLDER
 */

import { readGoldSet } from '../../cli/evaluate/gold.ts'
import { score } from '../../cli/evaluate/score.ts'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'

const [folder] = process.argv.slice(2)
if (folder === undefined) {
  console.error('usage: node bench/recall/encoder.ts FOLDER')
  process.exit(2)
}

const megabytes = () => Math.round(process.memoryUsage().rss / 1e6)
const { turns, questions } = readGoldSet(folder)
const before = megabytes()
const encoder = staticVectors()
const started = performance.now()
await encoder.encode(['first'])
const first = performance.now() - started

const texts = turns.map(({ text, caption }) => (caption ? `${text} [${caption}]` : text))
const rates: number[] = []
let vectors: Float32Array[] = []
for (let round = 0; round < 5; round++) {
  const from = performance.now()
  vectors = await encoder.encode(texts)
  rates.push(texts.length / ((performance.now() - from) / 1000))
}
const asked = await encoder.encode(questions.map(({ question }) => question))
await encoder.related(['boat'])
console.table({
  [encoder.model]: {
    dimensions: encoder.dimensions,
    'first text, ms': Math.round(first),
    'texts a second': Math.round(Math.max(...rates)),
    'memory added, MB': megabytes() - before,
  },
})

const rankings = questions.map((question, q) => {
  const own = turns.flatMap(({ id, conv }, i) =>
    conv === question.conv ? [{ id, cosine: dot(vectors[i], asked[q]) }] : [],
  )
  return { question, ranked: own.sort((a, b) => b.cosine - a.cosine).map(({ id }) => id) }
})
console.table({ 'vectors alone': score(rankings).overall })
await encoder.close()

function dot(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}
