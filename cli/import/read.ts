import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { z } from 'zod'
import { readChatGptConversation } from './chatgpt.ts'
import { FormatError, type ImportedMemory, type ImportedRecord } from './conversation.ts'
import { explain, parseJson, readOpenAiLine } from './openai.ts'

export const formats = ['openai-jsonl', 'chatgpt-export', 'jsonl'] as const
export type Format = (typeof formats)[number]

/** Reads a file record by record; what cannot be read is told of with its line, and the rest goes on. */
export async function* readRecords(file: string, format: Format): AsyncGenerator<ImportedRecord> {
  if (format === 'chatgpt-export') {
    for await (const { line, text } of arrayItems(file)) {
      yield attempt(line, () => readChatGptConversation(parseJson(text)))
    }
    return
  }
  const read = format === 'openai-jsonl' ? readOpenAiLine : readMemoryLine
  let line = 0
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    line += 1
    if (text.trim() !== '') yield attempt(line, () => read(text))
  }
}

const memory = z.strictObject({
  content: z.string(),
  tier: z.string().optional(),
  visibility: z.string().optional(),
  occurredAt: z.string().optional(),
  externalId: z.string(),
  metadata: z.record(z.string(), z.unknown()).optional(),
  retentionUntil: z.string().optional(),
})

/** One memory a line, with the fields of `RememberInput`; `externalId` is what keeps a second run from adding it again. */
function readMemoryLine(text: string): ImportedMemory {
  const found = memory.safeParse(parseJson(text))
  if (!found.success) throw new FormatError(explain(found.error))
  return { kind: 'memory', input: found.data }
}

function attempt(line: number, read: () => Extract<ImportedRecord, { item: unknown }>['item']): ImportedRecord {
  try {
    return { line, item: read() }
  } catch (error) {
    if (error instanceof FormatError) return { line, problem: error.message }
    throw error
  }
}

const largestItem = 256 * 1024 * 1024

/** The items of a file that is one JSON array, as text, without holding more than one. */
async function* arrayItems(file: string): AsyncGenerator<{ line: number; text: string }> {
  let [line, start, depth, text] = [1, 1, 0, '']
  let [quoted, escaped] = [false, false]
  for await (const chunk of createReadStream(file, { encoding: 'utf8' })) {
    let from = 0
    for (let at = 0; at < chunk.length; at += 1) {
      const char = chunk[at]
      if (char === '\n') line += 1
      if (quoted) {
        if (escaped) escaped = false
        else if (char === '\\') escaped = true
        else if (char === '"') quoted = false
      } else if (char === '"') quoted = true
      else if (char === '{' || char === '[') {
        depth += 1
        // Depth 1 is the array itself; an item begins where the next level opens.
        if (depth === 2) [start, from, text] = [line, at, '']
      } else if (char === '}' || char === ']') {
        depth -= 1
        if (depth === 1) {
          yield { line: start, text: text + chunk.slice(from, at + 1) }
          text = ''
        }
      }
    }
    if (depth > 1) text += chunk.slice(from)
    if (text.length > largestItem) throw new FormatError(`line ${start}: the item is larger than 256 MB`)
  }
  if (depth !== 0) throw new FormatError('the file ends in the middle of an item')
}
