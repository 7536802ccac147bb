import type { GraphClient } from '../graph-client.ts'
import type { ImportedConversation, ImportedMemory, ImportedRecord } from './conversation.ts'

/** What an import has done so far. */
export interface ImportCounts {
  conversations: number
  messages: number
  memories: number
  tools: number
  /** Messages and memories that had been brought in before. */
  known: number
  /** How long it took until every text was in and searchable; agents and their tools are linked after that. */
  textSeconds: number
  refused: { readonly line: number; readonly reason: string }[]
}

export interface ImportOptions {
  /** The agent that the assistant's messages are of. */
  readonly agent: string
  readonly onProgress: (counts: Readonly<ImportCounts>) => void
  readonly signal: AbortSignal
}

/** Conversations under way at once: one is parsed and planned while another is written. */
const concurrency = 4
const messagesAtOnce = 500
const memoriesAtOnce = 500
/** Sessions whose agents are still to be linked, at most. */
const linksAtOnce = 2000

/**
 * Brings records in through the graph. Each conversation and message has a name that is the same in every run, so an
 * import that was interrupted goes on where it was, and one that is repeated adds nothing.
 */
export async function runImport(
  client: GraphClient,
  records: AsyncIterable<ImportedRecord>,
  options: ImportOptions,
): Promise<ImportCounts> {
  const counts: ImportCounts = {
    conversations: 0,
    messages: 0,
    memories: 0,
    tools: 0,
    known: 0,
    textSeconds: 0,
    refused: [],
  }
  const started = performance.now()
  const importer = new Importer(client, options, counts)
  const running = new Set<Promise<void>>()
  for await (const record of records) {
    if (options.signal.aborted) break
    const work = importer.take(record).finally(() => running.delete(work))
    running.add(work)
    if (running.size >= concurrency) await Promise.race(running)
    if (importer.unlinked >= linksAtOnce) await importer.link()
    options.onProgress(counts)
  }
  await Promise.all(running)
  await importer.flush()
  counts.textSeconds = Number(((performance.now() - started) / 1000).toFixed(2))
  await importer.link()
  options.onProgress(counts)
  return counts
}

class Importer {
  readonly #client: GraphClient
  readonly #options: ImportOptions
  readonly #counts: ImportCounts
  readonly #tools = new Map<string, Promise<void>>()
  #agent: Promise<string> | null = null
  #lastOpened: Promise<unknown> = Promise.resolve()
  #memories: { line: number; input: ImportedMemory['input'] }[] = []
  #links: { readonly sessionId: string; readonly tools: readonly string[] }[] = []

  constructor(client: GraphClient, options: ImportOptions, counts: ImportCounts) {
    this.#client = client
    this.#options = options
    this.#counts = counts
  }

  async take(record: ImportedRecord): Promise<void> {
    if ('problem' in record) this.#refuse(record.line, record.problem)
    else if (record.item.kind === 'conversation') await this.#conversation(record.line, record.item)
    else {
      this.#memories.push({ line: record.line, input: record.item.input })
      if (this.#memories.length >= memoriesAtOnce) await this.flush()
    }
  }

  /** Sends the memories that have been gathered. */
  async flush(): Promise<void> {
    const batch = this.#memories
    this.#memories = []
    if (batch.length === 0) return
    const { answer } = await this.#client.execute<{ answer: BatchAnswer }>(rememberMany, {
      input: { items: batch.map(({ input }) => input) },
    })
    if (answer.problems === undefined && answer.message === undefined) {
      this.#counts.memories += batch.length
      return
    }
    if (answer.problems === undefined) throw new Error(answer.message)
    const bad = new Map(answer.problems.map((problem) => [Number(problem.path?.[0]), problem.message]))
    for (const [index, message] of bad) this.#refuse(batch[index]?.line ?? 0, message)
    this.#memories = batch.filter((_, index) => !bad.has(index))
    await this.flush()
  }

  async #conversation(line: number, item: ImportedConversation): Promise<void> {
    const opened = await this.#open(item)
    if (opened.session === undefined) return this.#refuse(line, opened.message ?? 'the session was refused')
    const sessionId = opened.session.id
    for (let at = 0; at < item.messages.length && !this.#options.signal.aborted; at += messagesAtOnce) {
      const part = item.messages.slice(at, at + messagesAtOnce)
      const input = { sessionId, messages: part, remember: true }
      const { answer } = await this.#client.execute<{ answer: AppendAnswer }>(appendMessages, { input })
      if (answer.added === undefined) return this.#refuse(line, explain(answer))
      this.#counts.messages += answer.added
      this.#counts.memories += answer.remembered ?? 0
      this.#counts.known += part.length - answer.added
    }
    if (item.messages.some(({ role }) => role === 'ASSISTANT')) this.#links.push({ sessionId, tools: toolsOf(item) })
    this.#counts.conversations += 1
  }

  /** How many sessions wait for `link`. */
  get unlinked(): number {
    return this.#links.length
  }

  /** Tells which agent took part in the sessions that have come in, and which tools it called. */
  async link(): Promise<void> {
    const links = this.#links
    this.#links = []
    const next = links.values()
    const work = async () => {
      for (const { sessionId, tools } of next) await this.#linkOne(sessionId, tools)
    }
    await Promise.all(Array.from({ length: concurrency }, work))
  }

  /** One after the other, so that sessions are listed in the order of the file. */
  #open({ externalId, title, metadata }: ImportedConversation): Promise<OpenAnswer> {
    const input = { externalId, title: title?.slice(0, 512) ?? null, metadata }
    const opened = this.#lastOpened.then(async () => {
      const answer = await this.#client.execute<{ opened: OpenAnswer }>(openSession, { input })
      return answer.opened
    })
    this.#lastOpened = opened.catch(() => {})
    return opened
  }

  async #linkOne(sessionId: string, tools: readonly string[]): Promise<void> {
    if (this.#options.signal.aborted) return
    this.#agent ??= this.#registerAgent()
    const agentId = await this.#agent
    for (const name of tools) await this.#grantTool(agentId, name)
    await this.#client.execute(joinSession, { input: { agentId, sessionId } })
  }

  async #registerAgent(): Promise<string> {
    const { answer } = await this.#client.execute<{ answer: { agent?: { id: string }; message?: string } }>(
      registerAgent,
      {
        input: { agentId: this.#options.agent },
      },
    )
    if (answer.agent === undefined) throw new Error(answer.message ?? 'the agent was refused')
    return answer.agent.id
  }

  #grantTool(agentId: string, name: string): Promise<void> {
    const known = this.#tools.get(name)
    if (known) return known
    const made = this.#registerTool(agentId, name)
    this.#tools.set(name, made)
    return made
  }

  async #registerTool(agentId: string, name: string): Promise<void> {
    const { answer } = await this.#client.execute<{ answer: { tool?: { id: string }; message?: string } }>(
      registerTool,
      {
        input: { name },
      },
    )
    if (answer.tool === undefined) throw new Error(answer.message ?? 'the tool was refused')
    await this.#client.execute(grantTool, { input: { agentId, toolId: answer.tool.id } })
    this.#counts.tools += 1
  }

  #refuse(line: number, reason: string): void {
    this.#counts.refused.push({ line, reason })
  }
}

function toolsOf({ messages }: ImportedConversation): string[] {
  return [...new Set(messages.flatMap(({ toolCalls }) => toolCalls?.map(({ name }) => name) ?? []))]
}

interface ProblemAnswer {
  readonly message?: string
  readonly problems?: readonly { readonly message: string; readonly path?: readonly string[] | null }[]
}
type BatchAnswer = ProblemAnswer
type OpenAnswer = ProblemAnswer & { readonly session?: { readonly id: string } }
type AppendAnswer = ProblemAnswer & { readonly added?: number; readonly remembered?: number }

function explain({ message, problems }: ProblemAnswer): string {
  const [first] = problems ?? []
  return first ? `message ${(first.path ?? []).join('.')}: ${first.message}` : (message ?? 'refused')
}

const problem = '... on Problem { message }'
const batch = '... on BatchRejected { problems { message path } }'
const openSession = `mutation ImportOpen($input: OpenChatSessionInput!) {
  opened: openChatSession(input: $input) { ... on OpenChatSessionSuccess { session { id } } ${problem} } }`
const appendMessages = `mutation ImportAppend($input: AppendMessagesInput!) {
  answer: appendMessages(input: $input) { ... on AppendMessagesSuccess { added remembered } ${problem} ${batch} } }`
const rememberMany = `mutation ImportRemember($input: RememberManyInput!) {
  answer: rememberMany(input: $input) { ... on RememberManySuccess { cursor } ${problem} ${batch} } }`
const registerAgent = `mutation ImportAgent($input: RegisterAgentInput!) {
  answer: registerAgent(input: $input) { ... on RegisterAgentSuccess { agent { id } } ${problem} } }`
const registerTool = `mutation ImportTool($input: RegisterToolInput!) {
  answer: registerTool(input: $input) { ... on RegisterToolSuccess { tool { id } } ${problem} } }`
const grantTool = `mutation ImportGrant($input: GrantToolInput!) { answer: grantTool(input: $input) { ${problem} } }`
const joinSession = `mutation ImportJoin($input: JoinSessionInput!) { answer: joinSession(input: $input) { ${problem} } }`
