import { createHash } from 'node:crypto'
import { z } from 'zod'
import { FormatError, type ImportedConversation, type ImportedMessage } from './conversation.ts'

const part = z.looseObject({ type: z.string(), text: z.string().optional() })
const content = z.union([z.string(), z.array(part)]).nullish()
const toolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.union([z.string(), z.record(z.string(), z.unknown())]) }),
})
const message = z.looseObject({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool', 'function']),
  content,
  name: z.string().optional(),
  tool_calls: z.array(toolCall).nullish(),
  tool_call_id: z.string().optional(),
  created_at: z.union([z.number(), z.string()]).optional(),
})
const conversation = z.looseObject({
  id: z.union([z.string(), z.number()]).optional(),
  title: z.string().optional(),
  messages: z.array(message).min(1),
})

const roles = {
  system: 'SYSTEM',
  developer: 'SYSTEM',
  user: 'USER',
  assistant: 'ASSISTANT',
  tool: 'TOOL',
  function: 'TOOL',
} as const

/**
 * One conversation a line, in OpenAI's chat format: `{"id": …, "messages": [{"role", "content", "tool_calls", …}]}`.
 * What else the line has becomes the session's metadata.
 * @throws FormatError
 */
export function readOpenAiLine(line: string): ImportedConversation {
  const found = conversation.safeParse(parseJson(line))
  if (!found.success) throw new FormatError(explain(found.error))
  const { id, title, messages, ...rest } = found.data
  return {
    kind: 'conversation',
    externalId: id === undefined ? `sha256:${createHash('sha256').update(line).digest('hex')}` : String(id),
    title: title ?? (id === undefined ? null : String(id)),
    metadata: Object.keys(rest).length > 0 ? rest : null,
    messages: messages.map(toMessage),
  }
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new FormatError(`is not JSON: ${(error as Error).message}`)
  }
}

/** The first thing that is wrong with a record, and where. */
export function explain(error: z.ZodError): string {
  const [issue] = error.issues
  if (issue === undefined) return 'is not of the format'
  const path = issue.path.join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}

function toMessage(given: z.infer<typeof message>, index: number): ImportedMessage {
  const time = given.created_at === undefined ? null : toTime(given.created_at)
  return {
    role: roles[given.role],
    content: toText(given.content),
    externalId: String(index),
    ...(given.name === undefined ? {} : { name: given.name }),
    ...(given.tool_call_id === undefined ? {} : { toolCallId: given.tool_call_id }),
    ...(given.tool_calls?.length ? { toolCalls: given.tool_calls.map(toToolCall) } : {}),
    ...(time === null ? {} : { occurredAt: time }),
  }
}

function toText(given: z.infer<typeof content>): string | null {
  if (given == null) return null
  if (typeof given === 'string') return given
  return given.flatMap(({ text }) => (text === undefined ? [] : [text])).join('\n')
}

/** The arguments as data where they can be read as such: a model may have written what is no JSON. */
function toToolCall(call: z.infer<typeof toolCall>) {
  const given = call.function.arguments
  return { id: call.id, name: call.function.name, arguments: typeof given === 'string' ? tryJson(given) : given }
}

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Seconds since the epoch, or a date in words. */
function toTime(given: number | string): string {
  const date = typeof given === 'number' ? new Date(given * 1000) : new Date(given)
  if (Number.isNaN(date.getTime())) throw new FormatError(`created_at: ${given} is not a time`)
  return date.toISOString()
}
