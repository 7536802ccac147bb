/**
 * The default encoder's effect and cost on a gold set: recall by its vectors alone, how soon the first text is done,
 * texts a second, and the memory it takes.
 *
 *   node bench/recall/encoder.ts FOLDER
 */
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import { readGoldSet } from './gold.ts'
import { percentages, type Sums } from './score.ts'

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

const sums: Sums = { questions: 0, recalled: [0, 0, 0], reciprocal: 0 }
questions.forEach(({ conv, evidence }, q) => {
  const own = turns.flatMap((turn, i) =>
    turn.conv === conv ? [{ id: turn.id, cosine: dot(vectors[i], asked[q]) }] : [],
  )
  own.sort((a, b) => b.cosine - a.cosine)
  const ranks = own.flatMap(({ id }, rank) => (evidence.includes(id) ? [rank + 1] : []))
  sums.questions++
  for (const [i, depth] of [5, 10, 20].entries()) {
    sums.recalled[i] = (sums.recalled[i] ?? 0) + ranks.filter((rank) => rank <= depth).length / evidence.length
  }
  sums.reciprocal += 1 / (ranks[0] ?? Number.POSITIVE_INFINITY)
})
console.table({ 'vectors alone': percentages(sums) })
await encoder.close()

function dot(a: Float32Array = new Float32Array(), b: Float32Array = new Float32Array()): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0)
}
