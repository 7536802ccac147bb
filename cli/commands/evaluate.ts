import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../../gateway/config.ts'
import type { Server } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { recallSettings } from '../../subgraphs/memory/recall/configuration.ts'
import { askQuestions } from '../evaluate/ask.ts'
import { type Brought, bringGold } from '../evaluate/bring.ts'
import { fitWeights, leaveOneOut } from '../evaluate/fit.ts'
import { GoldError, type GoldSet, readGoldSet } from '../evaluate/gold.ts'
import { rankWith, samplesOf } from '../evaluate/samples.ts'
import { type Scores, score } from '../evaluate/score.ts'
import { controlClient } from '../graph-client.ts'
import { interruptible, type Progress, progressLine } from '../progress.ts'
import { readSettings } from '../settings.ts'

const help = `
Brings the gold set into a database that is kept nowhere, asks every question through the graph, and prints which share
of the evidence is among the first 5, 10 and 20 hits, and the mean reciprocal rank of the first (MRR), in percent.

GOLD is a folder with two files of JSON Lines:
  turns.jsonl  {"id", "conv", "session", "pos", "date", "speaker", "text", "caption"}: what becomes a memory
  gold.jsonl   {"qid", "conv", "question", "category", "evidence": [ids of turns]}: asked of its own conversation
Each conversation is a user of its own. \`speaker\`, \`caption\` and \`category\` may be left out.

Exit codes: 0 done · 1 failed · 2 usage, or a gold set that cannot be read · 130 interrupted

Examples:
  $ npx mnemograph evaluate gold
  $ npx mnemograph evaluate gold --leave-one-out --json
  $ npx mnemograph evaluate gold --tune weights.json
  $ npx mnemograph evaluate other-gold --weights weights.json
  $ MNEMOGRAPH_RECALL_WEIGHTS=weights.json npx mnemograph start`

interface EvaluateFlags {
  readonly weights?: string
  readonly dialogue: boolean
  readonly leaveOneOut?: boolean
  readonly tune?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('evaluate')
    .description('measure how well recall finds what a gold set asks for, and fit its weights')
    .argument('<gold>', 'the folder of the gold set', gold)
    .option('--weights <file>', 'weights to ask with (default: MNEMOGRAPH_RECALL_WEIGHTS, or as shipped)')
    .option('--no-dialogue', 'leave out what holds only of two people talking')
    .option('--leave-one-out', 'also rank each conversation with weights fitted on the others')
    .option('--tune <file>', 'also fit weights on all of it, and write them to a file')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

interface Report {
  readonly conversations: number
  readonly turns: number
  readonly scores: Record<string, Scores>
  /** Of recall's own time, the encoder's included. */
  readonly medianMs: number
  readonly leaveOneOut?: Record<string, Scores>
  readonly tuned?: Record<string, Scores>
}

async function run(set: GoldSet, flags: EvaluateFlags): Promise<void> {
  const config = throwawayOf(readSettings({ data: ':memory:', weights: flags.weights }), flags.dialogue)
  await interruptible(async (signal) => {
    const progress = progressLine(flags.json !== true)
    // Only now: the other commands need not carry a server to read their help.
    const { openServer } = await import('../../gateway/server.ts')
    const server = await openServer({ config, log: createLog('warn'), listen: false })
    try {
      const report = await evaluate(set, server, config, flags, progress, signal)
      progress.end()
      if (flags.json) console.log(JSON.stringify(report))
      else print(report, flags.tune)
    } catch (error) {
      if (!signal.aborted) throw error
      process.exitCode = 130
    } finally {
      progress.end()
      await server.close()
    }
  })
}

async function evaluate(
  set: GoldSet,
  server: Server,
  config: Config,
  flags: EvaluateFlags,
  progress: Progress,
  signal: AbortSignal,
): Promise<Report> {
  const clientFor = (login: string | null) => controlClient(server.controlSocket, login)
  const { turns, questions, conversations } = set
  const brought = await bringGold(set, clientFor, (n) => progress.show(`${n} of ${turns.length} turns`), signal)
  await server.projectors.caughtUp(signal)
  const asked = (n: number) => progress.show(`${n} of ${questions.length} questions`)
  const { rankings, tookMs } = await askQuestions(set, brought, clientFor, asked, signal)
  const median = tookMs.toSorted((a, b) => a - b)[Math.floor(tookMs.length / 2)] ?? 0
  return {
    conversations: conversations.length,
    turns: turns.length,
    scores: score(rankings),
    medianMs: Number(median.toFixed(1)),
    ...(flags.leaveOneOut || flags.tune !== undefined ? await fitted(set, brought, server, config, flags, signal) : {}),
  }
}

async function fitted(
  set: GoldSet,
  brought: Brought,
  { stores }: Server,
  { recall }: Config,
  flags: EvaluateFlags,
  signal: AbortSignal,
): Promise<Pick<Report, 'leaveOneOut' | 'tuned'>> {
  const settings = recallSettings(recall)
  const samples = await samplesOf(set, brought, stores, settings, signal)
  const outside = flags.leaveOneOut ? { leaveOneOut: score(leaveOneOut(samples, settings.dialogue)) } : {}
  if (flags.tune === undefined) return outside
  const weights = fitWeights(samples, settings.dialogue)
  writeFileSync(flags.tune, `${JSON.stringify({ dialogue: settings.dialogue, weights }, null, 2)}\n`)
  return { ...outside, tuned: score(samples.map((sample) => rankWith(sample, weights))) }
}

function print(report: Report, tune: string | undefined): void {
  console.log(
    `${report.turns} turns in ${report.conversations} conversations; recall took ${report.medianMs} ms (median)`,
  )
  console.table(report.scores)
  if (report.leaveOneOut) {
    console.log('Each conversation ranked with weights fitted on the others:')
    console.table(report.leaveOneOut)
  }
  if (report.tuned) {
    console.log(`With the weights fitted on all of it (expect less elsewhere), written to ${tune}:`)
    console.table(report.tuned)
  }
}

/** Nothing of the operator's stores is touched: all are embedded, and kept nowhere. */
function throwawayOf(config: Config, dialogue: boolean): Config {
  const recall = dialogue ? config.recall : { weights: config.recall?.weights ?? {}, dialogue }
  const embeddings = { ...config.embeddings, qdrant: undefined }
  return { ...config, databaseUrl: undefined, redisUrl: undefined, embeddings, subgraphUrls: {}, recall }
}

function gold(folder: string): GoldSet {
  try {
    return readGoldSet(resolve(folder))
  } catch (error) {
    if (error instanceof GoldError) throw new InvalidArgumentError(error.message)
    throw error
  }
}
