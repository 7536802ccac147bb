/**
 * Concept extraction over a file of texts: messages a second of processor time, and the top concepts to look at.
 * `node bench/knowledge/extract.ts FILE [--sample N]`; FILE is JSON Lines with `text`, or with `messages`.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { addCasing, countCasing } from '../../subgraphs/knowledge/extraction/casing.ts'
import { moreTelling } from '../../subgraphs/knowledge/extraction/categories.ts'
import { pairs, strength } from '../../subgraphs/knowledge/extraction/cooccurrence.ts'
import { extractBatch } from '../../subgraphs/knowledge/extraction/extract.ts'
import { createTagger } from '../../subgraphs/knowledge/extraction/tagger.ts'
import type { Casing, Mention } from '../../subgraphs/knowledge/extraction/types.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { sample: { type: 'string' } } })
const [file] = positionals
if (file === undefined) throw new Error('usage: extract.ts FILE [--sample N]')

interface Line {
  readonly text?: string
  readonly messages?: readonly { readonly content?: unknown }[]
}

/** Every distinct text once, as the importer keeps a repeated system prompt. */
function read(path: string): string[] {
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  const texts = lines.flatMap((line) => {
    const { text, messages } = JSON.parse(line) as Line
    return messages === undefined ? [text] : messages.map((message) => message.content)
  })
  const seen = new Set<string>()
  return texts.filter((text): text is string => {
    if (typeof text !== 'string' || text === '' || (text.length > 4_000 && seen.has(text))) return false
    seen.add(text)
    return true
  })
}

/** Milliseconds of processor time: other work on the machine does not count. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function perSecond(count: number, since: number): string {
  return Math.round((count / (cpu() - since)) * 1000).toLocaleString('en')
}

const texts = read(file)
const tagger = createTagger()
const batches: string[][] = []
for (let at = 0; at < texts.length; at += 200) batches.push(texts.slice(at, at + 200))

const casing = new Map<string, Casing>()
let began = cpu()
for (const text of texts) addCasing(casing, countCasing(text))
console.log(`${texts.length} texts; casing: ${perSecond(texts.length, began)} messages/s, ${casing.size} words`)

began = cpu()
const found: Mention[][] = batches.flatMap((batch) =>
  extractBatch(
    batch.map((text) => ({ text })),
    casing,
    tagger,
  ),
)
console.log(`extraction: ${perSecond(texts.length, began)} messages/s`)
began = cpu()
const together = pairs(found)
console.log(`pairs: ${perSecond(texts.length, began)} messages/s, ${together.length} pairs`)

const counts = new Map<string, { mention: Mention; messages: number }>()
for (const mention of found.flat()) {
  const before = counts.get(mention.key)
  const category = moreTelling(before?.mention.category ?? 'NAME', mention.category)
  counts.set(mention.key, { mention: { ...mention, category }, messages: (before?.messages ?? 0) + 1 })
}
const categories = Map.groupBy(counts.values(), ({ mention }) => mention.category)
for (const [category, group] of categories) {
  const top = group.sort((a, b) => b.messages - a.messages).slice(0, 40)
  console.log(
    `\n${category} (${group.length}): ${top.map((each) => `${each.mention.name} ${each.messages}`).join(' · ')}`,
  )
}

const related = together
  .filter(([, , both]) => both > 2)
  .map(([a, b, both]) => {
    const [countA, countB] = [counts.get(a)?.messages ?? both, counts.get(b)?.messages ?? both]
    return { a, b, strength: strength({ both, a: countA, b: countB, total: texts.length }) }
  })
  .sort((a, b) => b.strength - a.strength)
console.log('\nstrongest:')
for (const each of related.slice(0, 15)) console.log(`  ${each.strength.toFixed(3)}  ${each.a} – ${each.b}`)

const sample = Number(values.sample ?? 0)
const step = Math.max(1, Math.floor(texts.length / Math.max(sample, 1)))
for (let at = 0; at < texts.length && sample > 0; at += step) {
  console.log(
    `\n${texts[at]?.slice(0, 600)}\n  → ${found[at]?.map((each) => `${each.name}:${each.category}`).join(' · ')}`,
  )
}
