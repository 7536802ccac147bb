import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { parseJson } from '../import/openai.ts'

const turn = z.object({
  id: z.string().min(1),
  conv: z.string(),
  session: z.union([z.number(), z.string()]),
  pos: z.number(),
  date: z.string().refine((text) => !Number.isNaN(turnDate(text).getTime()), { error: 'is no date' }),
  speaker: z.string().nullish(),
  text: z.string().min(1),
  caption: z.string().nullish(),
})
const question = z.object({
  qid: z.string(),
  conv: z.string(),
  question: z.string().min(1),
  category: z.union([z.number(), z.string()]).optional(),
  evidence: z.array(z.string()),
})

/** One turn of a conversation: what becomes a memory. */
export type Turn = z.infer<typeof turn>
/** A question of one conversation, with the ids of the turns that answer it. */
export type GoldQuestion = z.infer<typeof question>

export interface GoldSet {
  readonly turns: readonly Turn[]
  readonly questions: readonly GoldQuestion[]
  readonly conversations: readonly string[]
}

/** LoCoMo's numbers for its kinds of question. */
const kinds: Readonly<Record<string, string>> = {
  1: 'multi-hop',
  2: 'temporal',
  3: 'open-domain',
  4: 'single-hop',
  5: 'adversarial',
}

export const categoryOf = ({ category = 'none' }: GoldQuestion): string => kinds[category] ?? String(category)

/** What is wrong with a gold set, by file and line. */
export class GoldError extends Error {}

/**
 * Reads FOLDER/turns.jsonl and FOLDER/gold.jsonl. Questions without evidence cannot be scored and are left out.
 * @throws GoldError for a file that is absent or not of the form, or evidence that is no turn
 */
export function readGoldSet(folder: string): GoldSet {
  const turns = lines(join(folder, 'turns.jsonl'), turn)
  const questions = lines(join(folder, 'gold.jsonl'), question).filter(({ evidence }) => evidence.length > 0)
  const known = new Map(turns.map(({ id, conv }) => [id, conv]))
  if (known.size < turns.length) throw new GoldError('turns.jsonl: two turns have one id')
  for (const { qid, conv, evidence } of questions) {
    const stray = evidence.find((id) => known.get(id) !== conv)
    if (stray !== undefined) throw new GoldError(`gold.jsonl: ${qid} names ${stray}, which is no turn of ${conv}`)
  }
  if (questions.length === 0) throw new GoldError('gold.jsonl: no question has evidence')
  return { turns, questions, conversations: [...new Set(turns.map(({ conv }) => conv))] }
}

function lines<Row>(file: string, schema: z.ZodType<Row>): Row[] {
  return textOf(file)
    .split('\n')
    .flatMap((text, i) => {
      if (text.trim() === '') return []
      try {
        const found = schema.safeParse(parseJson(text))
        if (found.success) return [found.data]
        const [issue] = found.error.issues
        throw new GoldError(`${issue?.path.join('.')} ${issue?.message}`)
      } catch (error) {
        throw new GoldError(`${file}, line ${i + 1}: ${(error as Error).message}`)
      }
    })
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    throw new GoldError(`${file} cannot be read`)
  }
}

/** The date of a turn in UTC: "1:56 pm on 8 May, 2023", or anything that Date reads. */
export function turnDate(date: string): Date {
  const [, clock, day] = /^(.*) on (.*)$/.exec(date) ?? []
  const spaced = clock?.replace(/(\d)(am|pm)/, '$1 $2')
  return new Date(day === undefined ? date : `${day} ${spaced} UTC`)
}
