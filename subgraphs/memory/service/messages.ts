import { createHash } from 'node:crypto'
import { uuidOf } from '../../../lib/ids.ts'
import { conflict, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { EventDraft } from '../../../stores/log/log.ts'
import { type Answer, mutate, type Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { createdEvent } from '../events.ts'
import { checkJson, checkText, firstProblem, limits, type Path } from '../limits.ts'
import { analyze } from '../recall/tokens.ts'
import type { MessageRole, ToolCall } from '../records.ts'
import { insertMemories, type MemoryDraft } from '../store/drafts.ts'
import {
  claimPrompts,
  findPrompts,
  insertMessages,
  keepPrompts,
  type MessageDraft,
  type PromptDraft,
  readTail,
  type StoredPrompt,
} from '../store/messages.ts'
import { findTwins, insertSources } from '../store/sources.ts'
import { rejectBatch } from './batch.ts'
import { judgeNew, rulesFor } from './judge.ts'
import { stateOf } from './keep.ts'
import { partsOf } from './parts.ts'
import { withoutTwins } from './twins.ts'

export interface MessageInput {
  readonly role: MessageRole
  readonly content?: string | null
  readonly name?: string | null
  readonly toolCalls?: readonly ToolCall[] | null
  readonly toolCallId?: string | null
  readonly occurredAt?: Date | null
  readonly externalId?: string | null
}

export interface AppendMessagesInput {
  readonly sessionId: string
  readonly messages: readonly MessageInput[]
  readonly remember?: boolean | null
  readonly clientMutationId?: string | null
}

/** Adds messages to the end of a session, and on request makes memories of what was said. */
export async function appendMessages(context: MemoryContext, input: AppendMessagesInput) {
  const refused = checkBatch(input.messages)
  if (refused) return refused
  const sessionId = uuidOf('ChatSession', input.sessionId)
  const { stores, request } = context
  const prepared = input.messages.map((message) => prepare(context, message, input.remember === true))
  return mutate(stores, request, { name: 'appendMessages', input, room: 'memory' }, async (unit) => {
    if (sessionId === null) throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
    return append(context, unit, sessionId, prepared)
  })
}

/** A message, and whether a memory is made of it. */
export interface Spoken extends MessageInput {
  readonly remember: boolean
}

/** Adds messages within another mutation's transaction, before its first write. */
export function say(context: MemoryContext, unit: Unit, sessionId: string, messages: readonly Spoken[]) {
  const prepared = messages.map((message) => prepare(context, message, message.remember))
  return append(context, unit, sessionId, prepared)
}

function checkBatch(messages: readonly MessageInput[]): Problem | null {
  if (messages.length < 1 || messages.length > limits.batch) {
    const message = `A batch holds 1–${limits.batch} messages, not ${messages.length}.`
    return limitExceeded(message, 'input', 'messages')
  }
  const problems = messages.map((message, i) => checkMessage(message, [String(i)])).filter((found) => found !== null)
  return problems.length > 0 ? rejectBatch(problems, messages.length, 'messages') : null
}

function checkMessage(message: MessageInput, path: Path): Problem | null {
  const calls = message.toolCalls ?? []
  return firstProblem(
    () => checkText(message.content, limits.messageContent, [...path, 'content']),
    () => checkText(message.name, limits.name, [...path, 'name']),
    () => checkText(message.toolCallId, limits.name, [...path, 'toolCallId']),
    () => checkText(message.externalId, limits.name, [...path, 'externalId'], 1),
    () =>
      calls.length > limits.toolCalls
        ? limitExceeded(`At most ${limits.toolCalls} tool calls.`, ...path, 'toolCalls')
        : null,
    ...calls.map((call, i) => () => checkCall(call, [...path, 'toolCalls', String(i)])),
  )
}

function checkCall(call: ToolCall, path: Path): Problem | null {
  return firstProblem(
    () => checkText(call.id, limits.name, [...path, 'id'], 1),
    () => checkText(call.name, limits.name, [...path, 'name'], 1),
    () => checkJson(call.arguments, limits.toolArgumentsBytes, [...path, 'arguments']),
  )
}

/** A message with the memories to make of it, one unless it is longer than a memory; all get their time and place when the session is known. */
interface Prepared {
  readonly message: Omit<MessageDraft, 'position' | 'occurredAt' | 'timeInferred' | 'promptId'>
  /** SHA-256 of a system prompt, in hexadecimal. */
  readonly promptHash: string | null
  readonly occurredAt: Date | null
  readonly memories: readonly Pick<
    MemoryDraft,
    'id' | 'revisionId' | 'content' | 'analysis' | 'tier' | 'metadata' | 'speaker'
  >[]
}

/** Whatever does not need the database is done before the transaction, which holds a connection. */
function prepare({ stores: { ids } }: MemoryContext, input: MessageInput, remember: boolean): Prepared {
  const { role } = input
  const content = input.content ?? null
  const name = input.name ?? null
  const isPrompt = role === 'SYSTEM' && content !== null
  const message = {
    id: ids.next(),
    role,
    name,
    content,
    toolCalls: (input.toolCalls ?? []).map((call) => ({ ...call, arguments: readArguments(call.arguments) })),
    toolCallId: input.toolCallId ?? null,
    externalId: input.externalId ?? null,
  }
  const parts = remember && content !== null ? partsOf(content, limits.memoryContent) : []
  const told = role === 'TOOL' && name !== null ? { role, tool: name } : { role }
  const memories = parts.flatMap((part, i) => {
    if (part.trim() === '') return []
    return {
      id: ids.next(),
      revisionId: ids.next(),
      content: part,
      analysis: analyze(part),
      tier: role === 'SYSTEM' ? ('SEMANTIC' as const) : ('EPISODIC' as const),
      metadata: parts.length === 1 ? told : { ...told, part: i + 1, parts: parts.length },
      speaker: role === 'TOOL' ? null : name,
    }
  })
  const promptHash = isPrompt ? createHash('sha256').update(content).digest('hex') : null
  return { message, promptHash, occurredAt: input.occurredAt ?? null, memories }
}

/** Models give a tool's arguments as JSON in a text. */
function readArguments(value: unknown): unknown {
  if (typeof value !== 'string') return value ?? null
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}

async function append(context: MemoryContext, unit: Unit, sessionId: string, prepared: readonly Prepared[]) {
  const { tx } = unit
  const { viewer, stores } = context
  const now = stores.clock.now()
  const names = prepared.flatMap(({ message }) => message.externalId ?? [])
  const wanted = promptsOf(context, prepared)
  // Sent together and done in this order: what is read after the lock has been waited for is as the lock found it.
  const [, tail, known] = await Promise.all([
    tx.lock(`session:${sessionId}`),
    readTail(tx, viewer, sessionId, names),
    findPrompts(tx, viewer, wanted),
  ])
  if (tail === null) throw new ProblemError(notFound('chat session', 'input', 'sessionId'))
  if (!tail.active) throw new ProblemError(conflict('The session has ended.', 'input', 'sessionId'))
  const { added, ids } = withoutKnown(prepared, tail.named)
  const prompts = await keepPrompts(tx, viewer, wanted, known, now)
  const clock = inferTimes(now, tail.lastInferredAt)
  const messages = added.map(({ message, promptHash, occurredAt }, i): MessageDraft => {
    const prompt = promptHash === null ? undefined : prompts.get(promptHash)
    const time = { occurredAt: occurredAt ?? clock(), timeInferred: occurredAt === null }
    const said = { content: prompt ? null : message.content, promptId: prompt?.id ?? null }
    return { ...message, ...time, ...said, position: tail.messageCount + i }
  })
  const [{ made, merged }, rules] = await Promise.all([
    memoriesOf(context, unit, added, messages, prompts, sessionId),
    rulesFor(tx, viewer.userId),
  ])
  const { drafts, refusals } = await judgeNew(context, tx, rules, made, now, () => ['input', 'remember'])
  if (refusals[0]) throw new ProblemError(refusals[0])
  let position = tail.memoryCount
  const memories = drafts.map((draft) => (draft.sessionId === null ? draft : { ...draft, position: position++ }))
  const events = [
    ...messages.map(({ id }) => messageAdded(id, sessionId, viewer.userId)),
    ...memories.map((memory) => createdEvent(stateOf(context, memory))),
  ]
  unit.closing(
    Promise.all([
      insertMessages(tx, viewer, sessionId, messages, position - tail.memoryCount, now),
      insertMemories(tx, viewer, memories, now),
      insertSources(tx, viewer, merged, now),
      unit.append(events),
    ]),
  )
  return {
    __typename: 'AppendMessagesSuccess',
    sessionId,
    messageIds: ids,
    added: added.length,
    remembered: memories.length,
  } satisfies Answer
}

/** What is not there yet, and the message of each item: a name is added once. */
function withoutKnown(items: readonly Prepared[], known: ReadonlyMap<string, string>) {
  const named = new Map(known)
  const added: Prepared[] = []
  const ids = items.map((item) => {
    const { id, externalId } = item.message
    const found = externalId === null ? undefined : named.get(externalId)
    if (found !== undefined) return found
    if (externalId !== null) named.set(externalId, id)
    added.push(item)
    return id
  })
  return { added, ids }
}

function promptsOf({ stores: { ids } }: MemoryContext, items: readonly Prepared[]): PromptDraft[] {
  const prompts = items.flatMap(({ promptHash, message }) =>
    promptHash === null ? [] : [[promptHash, message.content ?? ''] as const],
  )
  return [...new Map(prompts)].map(([hash, content]) => ({ id: ids.next(), hash, content }))
}

/** Times for messages that have none: when they were brought in, a millisecond apart to keep their order. */
function inferTimes(now: Date, last: Date | null): () => Date {
  let next = Math.max(now.getTime(), last === null ? 0 : last.getTime() + 1)
  return () => new Date(next++)
}

/**
 * The memories to be made of messages, and what of them says exactly what a memory of the session says and is one more
 * source of it; of a system prompt only the first time its owner uses it.
 */
async function memoriesOf(
  context: MemoryContext,
  { tx }: Unit,
  items: readonly Prepared[],
  messages: readonly MessageDraft[],
  prompts: ReadonlyMap<string, StoredPrompt>,
  sessionId: string,
) {
  const wanted = items.flatMap(({ memories, promptHash }, i) => {
    const [message, first] = [messages[i], memories[0]]
    const prompt = promptHash === null ? undefined : prompts.get(promptHash)
    return first && message && !prompt?.remembered ? [{ memories, first: first.id, message }] : []
  })
  const claims = new Map<string, string>()
  for (const { first, message } of wanted) {
    if (message.promptId !== null && !claims.has(message.promptId)) claims.set(message.promptId, first)
  }
  const claimed = await claimPrompts(tx, claims)
  const drafts = wanted
    .filter(({ first, message }) => message.promptId === null || claimed.has(first))
    .flatMap(({ memories, message }) => memories.map((memory) => draftOf(memory, message, sessionId)))
  const ofSession = drafts.filter((draft) => draft.sessionId !== null)
  const { added, merged } = withoutTwins(context, ofSession, await findTwins(tx, context.viewer, ofSession))
  const isNew = new Set(added)
  return { made: drafts.filter((draft) => draft.sessionId === null || isNew.has(draft)), merged }
}

function draftOf(memory: Prepared['memories'][number], message: MessageDraft, sessionId: string): MemoryDraft {
  return {
    ...memory,
    // A prompt belongs to every session that begins with it.
    sessionId: message.promptId === null ? sessionId : null,
    position: null,
    messageId: message.id,
    externalId: null,
    visibility: 'PRIVATE',
    occurredAt: message.occurredAt,
    timeInferred: message.timeInferred,
    retentionUntil: null,
  }
}

function messageAdded(id: string, sessionId: string, ownerId: string): EventDraft {
  return { kind: 'MESSAGE_ADDED', type: 'Message', id, after: [ownerId], payload: { sessionId } }
}
