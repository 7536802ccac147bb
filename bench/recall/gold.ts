import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One turn of a conversation, as turns.jsonl has it. */
export interface Turn {
  readonly id: string
  readonly conv: string
  readonly session: number
  readonly pos: number
  /** When its session began: "1:56 pm on 8 May, 2023", or anything that Date reads. */
  readonly date: string
  readonly speaker: string
  readonly text: string
  readonly caption: string | null
}

/** A question with the ids of the turns that answer it, as gold.jsonl has it. */
export interface GoldQuestion {
  readonly qid: string
  readonly conv: string
  readonly question: string
  readonly category: number
  readonly evidence: readonly string[]
}

export interface GoldSet {
  readonly turns: readonly Turn[]
  readonly questions: readonly GoldQuestion[]
  readonly conversations: readonly string[]
}

/** LoCoMo's numbers for its kinds of question. */
export const CATEGORIES: Readonly<Record<number, string>> = {
  1: 'multi-hop',
  2: 'temporal',
  3: 'open-domain',
  4: 'single-hop',
  5: 'adversarial',
}

/** Questions without evidence cannot be scored and are left out. */
export function readGoldSet(folder: string): GoldSet {
  const turns = lines<Turn>(join(folder, 'turns.jsonl'))
  const questions = lines<GoldQuestion>(join(folder, 'gold.jsonl')).filter(({ evidence }) => evidence.length > 0)
  return { turns, questions, conversations: [...new Set(turns.map(({ conv }) => conv))] }
}

/** The date of a turn in UTC. */
export function turnDate(date: string): Date {
  const [, clock, day] = /^(.*) on (.*)$/.exec(date) ?? []
  const spaced = clock?.replace(/(\d)(am|pm)/, '$1 $2')
  return new Date(day === undefined ? date : `${day} ${spaced} UTC`)
}

const lines = <Row>(file: string): Row[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line))
