/**
 * How much of a conversation its summary holds, beside its first three messages at the same length.
 *
 *   node bench/summaries/run.ts FILE     FILE holds one conversation a line in OpenAI's chat format
 *
 * The summarizer sees what user and assistant said. Each summary may be as long as the conversation's first three messages
 * of them. Terms weigh what BM25 gives them: their rarity among all conversations, times how often they occur, saturated.
 *
 *   said        the share of that weight over all that user and assistant said
 *   held out    the same over what tools were given and answered, which no summarizer saw: what the talk turned out to be about
 *   meaning     the cosine of the text's vector and the mean vector of all that was said, by the offline encoder
 */
import { readFileSync } from 'node:fs'
import { staticVectors } from '../../stores/encoder/static-vectors.ts'
import type { Said } from '../../stores/summarizer/port.ts'
import { BM25, inverseFrequency } from '../../subgraphs/memory/recall/bm25.ts'
import { analyze } from '../../subgraphs/memory/recall/tokens.ts'
import { summarize } from '../../subgraphs/memory/summary/extractive.ts'

interface ChatMessage {
  readonly role: string
  readonly content: string | null
  readonly tool_calls?: readonly { readonly function: { readonly arguments: string } }[] | null
}

const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node bench/summaries/run.ts FILE')
  process.exit(2)
}
const conversations = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .map((line) => read(JSON.parse(line).messages))
  .filter(({ said }) => said.length > 3)
const rarity = {
  said: rarityOf(conversations.map(({ said }) => textOf(said))),
  held: rarityOf(conversations.map(({ held }) => held)),
}
const encoder = staticVectors()
const scores = { summary: [0, 0, 0, 0], 'first three messages': [0, 0, 0, 0] }
let wins = 0
for (const { said, held } of conversations) {
  const lead = textOf(said.slice(0, 3))
  const { text } = summarize(said, { characters: lead.length, topics: 8 })
  const vectors = await encoder.encode([text, lead, ...said.map(({ content }) => content)])
  const of = (summary: string, vector: Float32Array | undefined) => [
    shareOf(summary, textOf(said), rarity.said),
    shareOf(summary, held, rarity.held),
    cosine(vector, meanOf(vectors.slice(2))),
    summary.length,
  ]
  const [ours, theirs] = [of(text, vectors[0]), of(lead, vectors[1])]
  add(scores.summary, ours)
  add(scores['first three messages'], theirs)
  if ((ours[0] ?? 0) > (theirs[0] ?? 0)) wins++
}
await encoder.close()
console.log(`${conversations.length} conversations; the summary holds more of what was said in ${wins}`)
console.table(
  Object.fromEntries(
    Object.entries(scores).map(([name, sums]) => {
      const [said = 0, held = 0, meaning = 0, characters = 0] = sums.map((sum) => sum / conversations.length)
      const percent = (value: number) => `${(100 * value).toFixed(1)} %`
      return [
        name,
        {
          said: percent(said),
          'held out': percent(held),
          meaning: meaning.toFixed(3),
          characters: Math.round(characters),
        },
      ]
    }),
  ),
)

function read(messages: readonly ChatMessage[]): { said: Said[]; held: string } {
  const said = messages.flatMap(({ role, content }): Said[] => {
    if (!content || (role !== 'user' && role !== 'assistant')) return []
    return [{ role: role === 'user' ? 'USER' : 'ASSISTANT', content }]
  })
  const held = messages.flatMap(({ role, content, tool_calls }) => [
    ...(tool_calls ?? []).map((call) => call.function.arguments),
    ...(role === 'tool' ? [content ?? ''] : []),
  ])
  return { said, held: held.join('\n') }
}

function textOf(said: readonly Said[]): string {
  return said.map(({ content }) => content).join('\n')
}

function rarityOf(texts: readonly string[]): (term: string) => number {
  const found = new Map<string, number>()
  for (const text of texts) for (const term of analyze(text).terms.keys()) found.set(term, (found.get(term) ?? 0) + 1)
  return (term) => inverseFrequency(texts.length, found.get(term) ?? 0)
}

/** How much of a text's weight a summary's terms have. */
function shareOf(summary: string, text: string, rarity: (term: string) => number): number {
  const there = analyze(summary).terms
  let all = 0
  let held = 0
  for (const [term, count] of analyze(text).terms) {
    const weight = (rarity(term) * count) / (count + BM25.k1)
    all += weight
    if (there.has(term)) held += weight
  }
  return all === 0 ? 0 : held / all
}

function meanOf(vectors: readonly Float32Array[]): Float32Array {
  const mean = new Float32Array(vectors[0]?.length ?? 0)
  for (const vector of vectors) {
    for (const [i, value] of vector.entries()) mean[i] = (mean[i] ?? 0) + value / vectors.length
  }
  return mean
}

function cosine(a: Float32Array | undefined, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * (y[i] ?? 0), 0)
  return a === undefined ? 0 : dot(a, b) / (Math.sqrt(dot(a, a) * dot(b, b)) || 1)
}

function add(sums: number[], values: readonly number[]): void {
  for (const [i, value] of values.entries()) sums[i] = (sums[i] ?? 0) + value
}
