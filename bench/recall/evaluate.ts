/**
 * Scores recall on a gold set, with the weights as shipped and with each conversation's weights fitted on the others.
 *
 *   node bench/recall/evaluate.ts FOLDER            FOLDER holds turns.jsonl and gold.jsonl
 *   node bench/recall/evaluate.ts FOLDER --tune     prints weights fitted on all of it as well
 */
import { parseArgs } from 'node:util'
import { DEFAULT_SETTINGS, DEFAULT_WEIGHTS } from '../../subgraphs/memory/recall/weights.ts'
import { fitWeights } from './fit.ts'
import { readGoldSet } from './gold.ts'
import { type Sample, samplesOf } from './samples.ts'
import { type Scores, score } from './score.ts'

const { values: options, positionals } = parseArgs({ options: { tune: { type: 'boolean' } }, allowPositionals: true })
const [folder] = positionals
if (folder === undefined) {
  console.error('usage: node bench/recall/evaluate.ts FOLDER [--tune]')
  process.exit(2)
}

const gold = readGoldSet(folder)
const samples = await samplesOf(gold, DEFAULT_SETTINGS)
console.log(`${samples.length} questions, ${gold.conversations.length} conversations; weights as shipped`)
console.table(score(samples, DEFAULT_WEIGHTS))
console.log('each conversation with weights fitted on the others')
console.table(leaveOneOut(samples))
if (options.tune) {
  const weights = fitWeights(samples)
  console.log('weights fitted on all conversations')
  console.table(score(samples, weights))
  console.log(weights)
}

/** The mean over all questions, each scored with weights that never saw its conversation. */
function leaveOneOut(all: readonly Sample[]): Record<string, Scores> {
  const rows = gold.conversations.map((conversation): [string, Scores][] => {
    const [inside, outside] = [true, false].map((own) =>
      all.filter(({ question }) => (question.conv === conversation) === own),
    ) as [Sample[], Sample[]]
    return Object.entries(score(inside, fitWeights(outside)))
  })
  const groups = new Set(rows.flatMap((row) => row.map(([group]) => group)))
  return Object.fromEntries([...groups].map((group) => [group, mean(rows.flat().filter(([name]) => name === group))]))
}

function mean(rows: readonly (readonly [string, Scores])[]): Scores {
  const questions = rows.reduce((sum, [, scores]) => sum + scores.questions, 0)
  const of = (key: keyof Scores) =>
    Math.round((10 * rows.reduce((sum, [, scores]) => sum + scores[key] * scores.questions, 0)) / questions) / 10
  return { questions, 'R@5': of('R@5'), 'R@10': of('R@10'), 'R@20': of('R@20'), MRR: of('MRR') }
}
