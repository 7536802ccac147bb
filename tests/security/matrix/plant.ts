import { makePasskey } from '../../kit/authenticator.ts'
import type { Data, Person } from '../../kit/product.ts'

/** What somebody has in the graph: words that only his own things hold, and the ids of all of them by type. */
export interface Plants {
  readonly friend: string
  readonly word: string
  readonly ids: ReadonlyMap<string, readonly string[]>
  /** The first id of a type. */
  id(type: string): string
}

const problem = '... on Problem { message }'

/** A mutation that must succeed; answers what its success holds. */
export async function must(person: Person, mutation: string, input: Data, success: string): Promise<Data> {
  const name = `${mutation[0]?.toUpperCase()}${mutation.slice(1)}`
  const data = await person.ask(
    `mutation Plant($input: ${name}Input!) { ${mutation}(input: $input) { __typename ... on ${name}Success { ${success} } ${problem} } }`,
    { input },
  )
  if (data[mutation].__typename !== `${name}Success`) throw new Error(`${mutation}: ${JSON.stringify(data[mutation])}`)
  return data[mutation]
}

/** Has all that a person remembers packed where it is stored, as far as it is long enough. */
export async function compressAll(person: Person): Promise<void> {
  await must(person, 'setPolicyRule', { name: 'cold', kind: 'COMPRESSION', action: 'COMPRESS' }, 'rule { id }')
  const { compressed } = await must(person, 'compressColdMemories', {}, 'compressed')
  if (compressed === 0) throw new Error('nothing was packed')
}

/** Signs a person in once more; answers the new sign-in's id. */
export async function signInAgain(person: Person): Promise<string> {
  const { viewer } = await person.ask('{ viewer { username } }')
  const input = { login: viewer.username, password: `${viewer.username}-secret` }
  const { session } = await must(person, 'signIn', input, 'session { user { sessions(first: 1) { nodes { id } } } }')
  return session.user.sessions.nodes[0].id
}

/** Until when something is kept that is to expire while the test runs. */
const soonOver = () => ({ retentionUntil: new Date(Date.now() + 3_000).toISOString() })

/** Cleans up until something has expired and is archived; answers the archive's id. */
async function archived(person: Person): Promise<string> {
  for (;;) {
    const { archive } = await must(person, 'cleanUpExpired', { archive: true, first: 1 }, 'archive { id }')
    if (archive !== null) return archive.id
  }
}

/** Registers a device; answers its id. */
export async function registerDevice(person: Person, name: string): Promise<string> {
  return (await must(person, 'registerDevice', { name }, 'device { id }')).device.id
}

/** Registers a passkey; answers its id. */
export async function registerPasskey(person: Person): Promise<string> {
  const begin =
    'mutation { beginPasskeyRegistration { ... on BeginPasskeyRegistrationSuccess { challengeId options } } }'
  const { challengeId, options } = (await person.ask(begin)).beginPasskeyRegistration
  // The product under test listens on a port that it was not told.
  const credential = makePasskey(options, 'http://localhost:0')
  return (await must(person, 'finishPasskeyRegistration', { challengeId, credential }, 'passkey { id }')).passkey.id
}

export interface Planting {
  readonly person: Person
  readonly word: string
  /** The id of another user of his tenant, who does nothing himself. */
  readonly friend: string
  settled(): Promise<void>
}

/**
 * Gives somebody two things of every type that has ids. A new type of Node is planted here, or the matrix says that
 * nothing of it is seen even by its owner.
 */
export async function plant({ person, word, friend, settled }: Planting): Promise<Plants> {
  const ids = new Map<string, string[]>()
  const add = (type: string, ...found: string[]) => ids.set(type, [...(ids.get(type) ?? []), ...found])
  add('User', person.id)
  await must(person, 'updateProfile', { displayName: `${word} himself`, firstName: word }, 'user { id }')
  await must(person, 'setUserContext', { key: word, value: { word } }, 'entry { key }')
  await must(person, 'setSetting', { key: word, value: word }, 'setting { key }')
  const year = { name: 'year', kind: 'RETENTION', action: 'KEEP', keepDays: 365 }
  add('PolicyRule', (await must(person, 'setPolicyRule', year, 'rule { id }')).rule.id)
  for (const n of [1, 2]) {
    const session = await must(
      person,
      'openChatSession',
      { title: `${word} session ${n}`, metadata: { note: word }, externalId: `session-${n}` },
      'session { id }',
    )
    add('ChatSession', session.session.id)
    const spoken = await must(
      person,
      'appendMessages',
      {
        sessionId: session.session.id,
        remember: true,
        messages: [
          { role: 'USER', content: `Tell ${word} Quimby about the ${word} ferry ${n}.`, externalId: `message-${n}` },
          {
            role: 'ASSISTANT',
            content: `${word} Quimby knows.`,
            toolCalls: [{ id: 'c', name: 'tell', arguments: { word } }],
          },
        ],
      },
      'messages { id }',
    )
    add('Message', ...spoken.messages.map(({ id }: { id: string }) => id))
    const remembered = await must(
      person,
      'remember',
      {
        content: `${word} Quimby met Dr. Ada Lovelace in ${word} Harbour, day ${n}.`,
        externalId: `memory-${n}`,
        metadata: { word, speaker: word },
        sessionId: session.session.id,
      },
      'memory { id }',
    )
    add('Memory', remembered.memory.id)
    const stored = await must(
      person,
      'storeVectors',
      {
        items: [
          {
            collection: 'CONVERSATION_CONTEXT',
            kind: 'KNOWLEDGE',
            content: `${word} knows the tide, ${n}.`,
            metadata: { word },
            memoryId: remembered.memory.id,
            sessionId: session.session.id,
          },
        ],
      },
      'vectors { id }',
    )
    add('Vector', stored.vectors[0].id)
    const rule = await must(
      person,
      'setPolicyRule',
      { name: `${word} rule ${n}`, kind: 'REDACTION', action: 'MASK', mask: 'WORDS', words: [word, 'Quimby'] },
      'rule { id }',
    )
    add('PolicyRule', rule.rule.id)
    const agent = await must(
      person,
      'registerAgent',
      { agentId: `agent-${n}`, name: `${word} agent`, capabilities: [word] },
      'agent { id }',
    )
    add('Agent', agent.agent.id)
    const tool = await must(person, 'registerTool', { name: `tool-${n}`, description: word }, 'tool { id }')
    add('Tool', tool.tool.id)
    await must(person, 'grantTool', { agentId: agent.agent.id, toolId: tool.tool.id }, 'tool { id }')
    await must(person, 'joinSession', { agentId: agent.agent.id, sessionId: session.session.id }, 'agent { id }')
    const posted = await must(
      person,
      'postToBlackboard',
      { sessionId: session.session.id, sourceId: agent.agent.id, type: 'OBSERVATION', payload: { word } },
      'event { id }',
    )
    add('BlackboardEvent', posted.event.id)
    const sessionId = session.session.id
    await must(person, 'summarizeSession', { sessionId }, 'summary { text }')
    const opinion = { messageId: spoken.messages[0].id, type: 'OTHER', comment: word }
    const left = await must(person, 'leaveFeedback', opinion, 'feedback { id }')
    add('MessageFeedback', left.feedback.id)
    const decided = {
      sessionId,
      request: `Where does the ${word} ferry leave?`,
      tools: [`${word}_finder`],
      decision: { word },
      model: word,
      error: { word },
      blackboardEventId: posted.event.id,
    }
    const logged = await must(person, 'logRoutingDecision', decided, 'decision { id }')
    add('RoutingDecision', logged.decision.id)
    const steps = [{ thought: `The ${word} ferry leaves early.`, evidence: [word] }]
    const chain = await must(person, 'recordReasoningChain', { sessionId, steps, data: { word } }, 'chain { id }')
    add('ReasoningChain', chain.chain.id)
    const heard = await must(
      person,
      'processVoice',
      {
        audio: Buffer.from(`${word} said ${n}`).toString('base64'),
        mediaType: 'audio/ogg',
        metadata: { word },
        transcript: `${word} said so.`,
        sessionId: session.session.id,
      },
      'sample { id } said { id }',
    )
    add('VoiceSample', heard.sample.id)
    add('Message', heard.said.id)
    const known = {
      type: word,
      key: `${word} ${n}`,
      title: `${word} holds.`,
      content: { word },
      tags: [word],
      sessionId: session.session.id,
    }
    const proposed = await must(person, 'proposeKnowledge', known, 'node { id }')
    add('ConsensusNode', proposed.node.id)
    const vote = { nodeId: proposed.node.id, agentId: agent.agent.id, choice: 'FOR', reason: `${word} says so.` }
    await must(person, 'voteOnKnowledge', vote, 'node { id }')
    const used = { key: `${word} ${n}`, type: word, content: { word }, sessionId: session.session.id }
    const learned = await must(person, 'recordLearningPattern', used, 'pattern { id }')
    add('LearningPattern', learned.pattern.id)
    const asked = {
      sessionId: session.session.id,
      message: `Where is ${word} Harbour?`,
      answer: `${word} is there.`,
      // A new memory must still come among the best ten.
      remember: false,
    }
    const chat = await must(
      person,
      'answerChat',
      asked,
      'turn { id question { id } answer { id } questionVector { id } answerVector { id } }',
    )
    add('ChatTurn', chat.turn.id)
    add('Message', chat.turn.question.id, chat.turn.answer.id)
    add('Vector', chat.turn.questionVector.id, chat.turn.answerVector.id)
    add('UserSession', await signInAgain(person))
    add('Device', await registerDevice(person, word))
    add('Passkey', await registerPasskey(person))
  }
  const [sourceId, targetId] = ids.get('ChatSession') ?? []
  await must(person, 'setContext', { sessionId: sourceId, key: word, value: word }, 'entry { key }')
  const synced = await must(person, 'syncMemory', { sourceId, targetId, type: 'CONTEXT_TRANSFER' }, 'sync { id }')
  add('MemorySync', synced.sync.id)
  const [fromId, toId] = ids.get('Memory') ?? []
  for (const type of [word, `${word} again`]) {
    const said = { fromId, toId, type, metadata: { word } }
    const related = await must(person, 'relateMemories', said, 'relationship { id }')
    add('MemoryRelationship', related.relationship.id)
  }
  await must(person, 'setVoiceSettings', { voice: word, more: { word } }, 'settings { version }')
  for (const n of [1, 2, 3]) await must(person, 'remember', { content: `passing ${n}`, ...soonOver() }, 'cursor')
  for (const _ of [1, 2]) add('MemoryArchive', await archived(person))
  const kept = await must(person, 'storeSecret', { name: 'door', value: word }, 'secret { id }')
  add('Secret', kept.secret.id)
  const asked = await must(person, 'requestPrivacyAction', { action: 'EXPORT' }, 'request { id }')
  add('PrivacyRequest', asked.request.id)
  const granted = await must(person, 'grantVectorAccess', { userId: friend }, 'access { id }')
  add('VectorAccess', granted.access.id)
  await settled()
  const { concepts } = await person.ask('{ concepts(first: 10) { nodes { id } } }')
  add('Concept', ...concepts.nodes.map(({ id }: { id: string }) => id))
  return {
    friend,
    word,
    ids,
    id(type) {
      const [first] = ids.get(type) ?? []
      if (first === undefined) throw new Error(`nothing of type ${type} was planted`)
      return first
    },
  }
}
