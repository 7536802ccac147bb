import { uuidOf } from '../../lib/ids.ts'
import type { GraphClient } from '../graph-client.ts'
import { type GoldSet, type Turn, turnDate } from './gold.ts'

/** A gold set in a database: each conversation is the memory of a user of its own. */
export interface Brought {
  /** By conversation: the login in whose name its questions are asked. */
  readonly logins: ReadonlyMap<string, string>
  /** By memory (as the database names it): the turn that it was made of. */
  readonly turns: ReadonlyMap<string, string>
}

const memoriesAtOnce = 500

/**
 * Brings every turn in through the graph: a memory in its session, said by its speaker at its session's time.
 * @param clientFor the graph in a user's name; null for nobody's
 */
export async function bringGold(
  gold: GoldSet,
  clientFor: (login: string | null) => GraphClient,
  onProgress: (turns: number) => void,
  signal: AbortSignal,
): Promise<Brought> {
  const logins = new Map(gold.conversations.map((conversation, i) => [conversation, `gold${i + 1}`]))
  const turns = new Map<string, string>()
  for (const [conversation, login] of logins) {
    await signUp(clientFor(null), login)
    const client = clientFor(login)
    const own = gold.turns.filter(({ conv }) => conv === conversation)
    const sessions = await openSessions(client, own)
    const ordered = own.toSorted((a, b) => turnDate(a.date).getTime() - turnDate(b.date).getTime() || a.pos - b.pos)
    for (let at = 0; at < ordered.length; at += memoriesAtOnce) {
      signal.throwIfAborted()
      const part = ordered.slice(at, at + memoriesAtOnce)
      const ids = await remember(client, part, sessions)
      part.forEach((turn, i) => {
        turns.set(uuidOf('Memory', ids[i] ?? '') ?? '', turn.id)
      })
      onProgress(turns.size)
    }
  }
  return { logins, turns }
}

async function signUp(client: GraphClient, login: string): Promise<void> {
  const input = { username: login, email: `${login}@example.test`, password: crypto.randomUUID() }
  const { answer } = await client.execute<{ answer: { message?: string } }>(
    `mutation EvaluateSignUp($input: SignUpInput!) { answer: signUp(input: $input) { ... on Problem { message } } }`,
    { input },
  )
  if (answer.message !== undefined) throw new Error(answer.message)
}

/** By the conversation's name for it: the session's id. */
async function openSessions(client: GraphClient, turns: readonly Turn[]): Promise<ReadonlyMap<string, string>> {
  const names = [...new Set(turns.map(({ session }) => String(session)))]
  const opened = new Map<string, string>()
  for (const name of names) {
    const { answer } = await client.execute<{ answer: { session?: { id: string }; message?: string } }>(
      `mutation EvaluateOpen($input: OpenChatSessionInput!) { answer: openChatSession(input: $input) {
        ... on OpenChatSessionSuccess { session { id } } ... on Problem { message } } }`,
      { input: { externalId: name } },
    )
    if (answer.session === undefined) throw new Error(answer.message)
    opened.set(name, answer.session.id)
  }
  return opened
}

async function remember(
  client: GraphClient,
  turns: readonly Turn[],
  sessions: ReadonlyMap<string, string>,
): Promise<readonly string[]> {
  const items = turns.map(({ id, session, date, speaker, text, caption }) => ({
    content: caption ? `${text} [${caption}]` : text,
    sessionId: sessions.get(String(session)),
    occurredAt: turnDate(date),
    externalId: id,
    metadata: speaker ? { speaker } : null,
  }))
  const { answer } = await client.execute<{ answer: { memories?: { id: string }[]; message?: string } }>(
    `mutation EvaluateRemember($input: RememberManyInput!) { answer: rememberMany(input: $input) {
      ... on RememberManySuccess { memories { id } } ... on Problem { message } } }`,
    { input: { items } },
  )
  if (answer.memories === undefined) throw new Error(answer.message)
  return answer.memories.map(({ id }) => id)
}
