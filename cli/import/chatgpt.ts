import { z } from 'zod'
import { FormatError, type ImportedConversation, type ImportedMessage } from './conversation.ts'
import { explain } from './openai.ts'

const message = z.looseObject({
  id: z.string(),
  author: z.looseObject({ role: z.string(), name: z.string().nullish() }),
  create_time: z.number().nullish(),
  content: z.looseObject({ parts: z.array(z.unknown()).optional(), text: z.string().optional() }),
})
const node = z.looseObject({ id: z.string(), message: message.nullish(), parent: z.string().nullish() })
const conversation = z.looseObject({
  id: z.string().optional(),
  conversation_id: z.string().optional(),
  title: z.string().nullish(),
  current_node: z.string(),
  mapping: z.record(z.string(), node),
})

const roles: Readonly<Record<string, ImportedMessage['role']>> = {
  system: 'SYSTEM',
  user: 'USER',
  assistant: 'ASSISTANT',
  tool: 'TOOL',
}

/**
 * One conversation of ChatGPT's export (`conversations.json`): a tree of messages, of which the branch that ends in
 * `current_node` is the one that was last shown.
 * @throws FormatError
 */
export function readChatGptConversation(value: unknown): ImportedConversation {
  const found = conversation.safeParse(value)
  if (!found.success) throw new FormatError(explain(found.error))
  const { id, conversation_id: conversationId, title, current_node: last, mapping } = found.data
  const externalId = conversationId ?? id
  if (externalId === undefined) throw new FormatError('has no conversation_id')
  return {
    kind: 'conversation',
    externalId,
    title: title ?? null,
    metadata: null,
    messages: branch(mapping, last).flatMap((each) => toMessage(each)),
  }
}

type Node = z.infer<typeof node>

function branch(mapping: Readonly<Record<string, Node>>, last: string): Node[] {
  const nodes: Node[] = []
  const seen = new Set<string>()
  for (let at: string | null | undefined = last; at != null && !seen.has(at); ) {
    seen.add(at)
    const found: Node | undefined = Object.hasOwn(mapping, at) ? mapping[at] : undefined
    if (found === undefined) throw new FormatError(`mapping has no node ${JSON.stringify(at.slice(0, 64))}`)
    nodes.push(found)
    at = found.parent
  }
  return nodes.reverse()
}

function toMessage({ message: given }: Node): ImportedMessage[] {
  const role = given ? roles[given.author.role] : undefined
  if (!given || role === undefined) return []
  const parts = given.content.parts?.filter((each): each is string => typeof each === 'string') ?? []
  const content = parts.length > 0 ? parts.join('\n') : (given.content.text ?? '')
  if (content === '') return []
  return [
    {
      role,
      content,
      externalId: given.id,
      ...(given.author.name ? { name: given.author.name } : {}),
      ...(given.create_time ? { occurredAt: new Date(given.create_time * 1000).toISOString() } : {}),
    },
  ]
}
