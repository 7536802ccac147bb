import { randomUUID } from 'node:crypto'
import { toGlobalId } from '../../../lib/ids.ts'
import type { Data, Person } from '../../kit/product.ts'
import { must, type Plants, registerDevice, registerPasskey, signInAgain } from './plant.ts'

/** Somebody with what he has planted. */
export interface Planter {
  readonly person: Person
  readonly plants: Plants
}

/**
 * For each mutation that names things by their ids: an input that its sender may send. The matrix puts another's ids
 * into it, one after the other.
 */
export const inputs: Readonly<Record<string, (planter: Planter) => Data | Promise<Data>>> = {
  remember: ({ plants }) => ({ content: 'Another thing.', ...links(plants) }),
  rememberMany: ({ plants }) => ({ items: [{ content: 'One of several.', ...links(plants) }] }),
  relateMemories: async ({ person, plants }) => ({
    fromId: await memory(person),
    toId: plants.id('Memory'),
    type: 'NEAR',
  }),
  unrelateMemories: async ({ person, plants }) => {
    const ends = { fromId: await memory(person), toId: plants.id('Memory'), type: 'NEAR' }
    await must(person, 'relateMemories', ends, 'cursor')
    return ends
  },
  reviseMemory: async ({ person }) => ({ id: await memory(person), content: 'Said otherwise.' }),
  forgetMemory: async ({ person }) => ({ id: await memory(person) }),
  shareMemory: async ({ person, plants }) => ({ id: await memory(person), subjectId: plants.friend }),
  unshareMemory: async ({ person, plants }) => {
    const id = await memory(person)
    await must(person, 'shareMemory', { id, subjectId: plants.friend }, 'cursor')
    return { id, subjectId: plants.friend }
  },
  openChatSession: ({ plants }) => ({
    title: 'A follow-up',
    parentId: plants.id('ChatSession'),
    consensusNodeId: plants.id('ConsensusNode'),
  }),
  endChatSession: async ({ person }) => ({ id: await session(person) }),
  updateChatSession: ({ plants }) => ({
    id: plants.id('ChatSession'),
    metadata: { seen: true },
    consensusNodeId: plants.id('ConsensusNode'),
  }),
  deleteChatSession: async ({ person }) => ({ id: await session(person) }),
  deleteMessage: async ({ person }) => ({ id: (await talk(person)).messages[0].id }),
  deleteSessionSummary: async ({ person }) => {
    const sessionId = (await talk(person)).session.id
    await must(person, 'summarizeSession', { sessionId }, 'cursor')
    return { sessionId }
  },
  deleteRoutingDecision: async ({ person }) => {
    const logged = { sessionId: await session(person), request: 'When does it leave?' }
    return { id: (await must(person, 'logRoutingDecision', logged, 'decision { id }')).decision.id }
  },
  deleteReasoningChain: async ({ person }) => {
    const recorded = { sessionId: await session(person), steps: [{ thought: 'It leaves at noon.' }] }
    return { id: (await must(person, 'recordReasoningChain', recorded, 'chain { id }')).chain.id }
  },
  appendMessages: ({ plants }) => ({
    sessionId: plants.id('ChatSession'),
    messages: [{ role: 'TOOL', content: 'Done.', toolCallId: 'c', toolCalls: [] }],
  }),
  setContext: ({ plants }) => ({ sessionId: plants.id('ChatSession'), key: 'mood', value: 'calm' }),
  deleteContext: async ({ person, plants }) => {
    const sessionId = plants.id('ChatSession')
    await must(person, 'setContext', { sessionId, key: 'spare', value: 1 }, 'entry { key }')
    return { sessionId, key: 'spare' }
  },
  syncMemory: ({ plants }) => ({
    sourceId: plants.id('ChatSession'),
    targetId: plants.ids.get('ChatSession')?.[1],
    type: 'KNOWLEDGE_SHARE',
    memoryIds: [plants.id('Memory')],
  }),
  summarizeSession: ({ plants }) => ({ sessionId: plants.id('ChatSession') }),
  leaveFeedback: ({ plants }) => ({ messageId: plants.id('Message'), type: 'HELPFUL', rating: 5 }),
  withdrawFeedback: async ({ person, plants }) => {
    const messageId = plants.id('Message')
    await must(person, 'leaveFeedback', { messageId, type: 'HELPFUL' }, 'feedback { type }')
    return { messageId }
  },
  routeRequest: ({ plants }) => ({ sessionId: plants.id('ChatSession'), request: 'When does it leave?' }),
  logRoutingDecision: ({ plants }) => ({
    sessionId: plants.id('ChatSession'),
    request: 'When does it leave?',
    blackboardEventId: plants.id('BlackboardEvent'),
  }),
  recordReasoningChain: ({ plants }) => ({
    sessionId: plants.id('ChatSession'),
    steps: [{ thought: 'It leaves at noon.' }],
  }),
  storeVectors: ({ plants }) => ({
    items: [
      {
        collection: 'VOICE_PATTERNS',
        kind: 'KNOWLEDGE',
        content: 'Another voice.',
        memoryId: plants.id('Memory'),
        sessionId: plants.id('ChatSession'),
        consensusNodeId: plants.id('ConsensusNode'),
      },
    ],
  }),
  removeVectors: async ({ person }) => ({ ids: [await vector(person)] }),
  answerChat: ({ plants }) => ({
    sessionId: plants.id('ChatSession'),
    message: 'And now?',
    answer: 'Now.',
    remember: false,
  }),
  completeChatTurn: async ({ person, plants }) => {
    const asked = { sessionId: plants.id('ChatSession'), message: 'Open?', remember: false }
    return { turnId: (await must(person, 'answerChat', asked, 'turn { id }')).turn.id, answer: 'Closed.' }
  },
  proposeKnowledge: ({ plants }) => ({
    type: 'fact',
    key: 'tide',
    title: 'The tide',
    content: { turns: 'at noon' },
    sessionId: plants.id('ChatSession'),
  }),
  voteOnKnowledge: ({ plants }) => ({ nodeId: plants.id('ConsensusNode'), agentId: plants.id('Agent'), choice: 'FOR' }),
  recordLearningPattern: ({ plants }) => ({
    key: 'tool',
    type: 'routing',
    content: { tool: 'tide' },
    sessionId: plants.id('ChatSession'),
  }),
  registerVoiceSample: ({ plants }) => ({ ...sound(), sessionId: plants.id('ChatSession') }),
  processVoice: ({ plants }) => ({ ...sound(), transcript: 'Said.', sessionId: plants.id('ChatSession') }),
  advanceVoiceSample: async ({ person }) => ({ id: await voice(person), status: 'PROCESSING' }),
  deleteVoiceSample: async ({ person }) => ({ id: await voice(person) }),
  setPolicyRule: ({ plants }) => ({
    scope: 'TENANT',
    name: 'about some',
    kind: 'SHARING',
    action: 'ALLOW',
    condition: { userIds: [plants.friend] },
  }),
  removePolicyRule: async ({ person }) => ({ id: await policyRule(person, 'spare') }),
  removeMemoryArchive: ({ plants }) => ({ id: plants.ids.get('MemoryArchive')?.at(-1) }),
  setAgentStatus: ({ plants }) => ({ id: plants.id('Agent'), status: 'BUSY' }),
  grantTool: ({ plants }) => ({ agentId: plants.id('Agent'), toolId: plants.id('Tool') }),
  joinSession: ({ plants }) => ({ agentId: plants.id('Agent'), sessionId: plants.id('ChatSession') }),
  grantVectorAccess: ({ plants }) => ({ userId: plants.friend }),
  revokeVectorAccess: async ({ person, plants }) => ({
    id: (await must(person, 'grantVectorAccess', { userId: plants.friend }, 'access { id }')).access.id,
  }),
  revealSecret: ({ plants }) => ({ id: plants.id('Secret') }),
  deleteSecret: async ({ person }) => ({
    id: (await must(person, 'storeSecret', { name: 'passing', value: 'x' }, 'secret { id }')).secret.id,
  }),
  requestPrivacyAction: ({ person }) => ({ action: 'EXPORT', userId: person.id }),
  postToBlackboard: ({ plants }) => ({
    sessionId: plants.id('ChatSession'),
    sourceId: plants.id('Agent'),
    targetId: plants.id('Agent'),
    parentId: plants.id('BlackboardEvent'),
    type: 'RESULT',
    payload: { done: true },
  }),
  setUserRole: ({ plants }) => ({ userId: plants.friend, role: 'ANALYST' }),
  suspendUser: ({ plants }) => ({ userId: plants.friend }),
  reinstateUser: ({ plants }) => ({ userId: plants.friend }),
  deleteTeam: async ({ person }) => ({ id: await makeTeam(person) }),
  addTeamMember: async ({ person, plants }) => ({ teamId: await makeTeam(person), userId: plants.friend }),
  removeTeamMember: async ({ person, plants }) => ({ teamId: await makeTeam(person), userId: plants.friend }),
  inviteUser: async ({ person }) => ({ email: 'guest@example.test', teamId: await makeTeam(person) }),
  revokeInvitation: async ({ person }) => ({ id: await invite(person) }),
  issueServiceToken: async ({ person }) => ({ serviceAccountId: await makeService(person) }),
  revokeServiceToken: async ({ person }) => ({ id: await makeServiceToken(person) }),
  revokePasskey: async ({ person }) => ({ id: await sparePasskey(person) }),
  revokeDevice: async ({ person }) => ({ id: await spareDevice(person) }),
  revokeSession: async ({ person }) => ({ id: await signInAgain(person) }),
}

/** What admins do to any user of their tenant. */
export const byAdmins: ReadonlySet<string> = new Set([
  'setUserRole',
  'setPolicyRule',
  'suspendUser',
  'reinstateUser',
  'issueServiceToken',
  'revokeServiceToken',
  'deleteTeam',
  'addTeamMember',
  'removeTeamMember',
  'inviteUser',
  'revokeInvitation',
])

/** Where another's id may be named by users of his tenant, each with the reason. */
export const mayName: Readonly<Record<string, string>> = {
  'grantVectorAccess.userId': 'users of a tenant know each other’s cards',
  'shareMemory.subjectId': 'users of a tenant know each other’s cards',
  'requestPrivacyAction.userId': 'users of a tenant know each other’s cards; it is forbidden all the same',
}

const sound = () => ({ audio: Buffer.from(randomUUID()).toString('base64'), mediaType: 'audio/ogg' })

async function voice(person: Person): Promise<string> {
  return (await must(person, 'registerVoiceSample', sound(), 'sample { id }')).sample.id
}

function links(plants: Plants) {
  const id = plants.id('Memory')
  return { sessionId: plants.id('ChatSession'), relatedTo: [id], derivedFrom: [id] }
}

async function memory(person: Person): Promise<string> {
  return (await must(person, 'remember', { content: `To be changed: ${randomUUID()}.` }, 'memory { id }')).memory.id
}

async function session(person: Person): Promise<string> {
  return (await must(person, 'openChatSession', { title: 'Short' }, 'session { id }')).session.id
}

/** A session in which something was said. */
async function talk(person: Person): Promise<Data> {
  const said = { sessionId: await session(person), messages: [{ role: 'USER', content: 'The ferry leaves at noon.' }] }
  return must(person, 'appendMessages', said, 'session { id } messages { id }')
}

async function vector(person: Person): Promise<string> {
  const items = [{ collection: 'VOICE_PATTERNS', kind: 'CONTEXT', content: 'To be removed.' }]
  return (await must(person, 'storeVectors', { items }, 'vectors { id }')).vectors[0].id
}

async function policyRule(person: Person, name: string): Promise<string> {
  return (await must(person, 'setPolicyRule', { name, kind: 'SHARING', action: 'ALLOW' }, 'rule { id }')).rule.id
}

/** A device that the present sign-in is not on, so that it may be revoked: one while nobody revokes it. */
async function spareDevice(person: Person): Promise<string> {
  const { nodes } = (await person.ask('{ viewer { devices(first: 100) { nodes { id name } } } }')).viewer.devices
  const known = nodes.find(({ name }: Data) => name === 'Spare')
  if (known) return known.id
  const spare = await registerDevice(person, 'Spare')
  await registerDevice(person, 'Present')
  return spare
}

/** A passkey beside those that were planted: one is enough while nobody takes it, and nobody has more than 50. */
async function sparePasskey(person: Person): Promise<string> {
  const { passkeys } = (await person.ask('{ viewer { passkeys { id } } }')).viewer
  return passkeys[2]?.id ?? registerPasskey(person)
}

/** A service of an admin's; for others the id of none. */
async function makeService(person: Person): Promise<string> {
  const input = { name: `service-${randomUUID().slice(0, 8)}`, scopes: [] }
  const { createServiceAccount } = await person.ask(
    `mutation ($input: CreateServiceAccountInput!) {
      createServiceAccount(input: $input) { ... on CreateServiceAccountSuccess { serviceAccount { id } } } }`,
    { input },
  )
  return createServiceAccount.serviceAccount?.id ?? toGlobalId('ServiceAccount', randomUUID())
}

async function makeServiceToken(person: Person): Promise<string> {
  const { issueServiceToken } = await person.ask(
    `mutation ($input: IssueServiceTokenInput!) {
      issueServiceToken(input: $input) { ... on IssueServiceTokenSuccess { serviceToken { id } } } }`,
    { input: { serviceAccountId: await makeService(person) } },
  )
  return issueServiceToken.serviceToken?.id ?? toGlobalId('ServiceToken', randomUUID())
}

/** A team of an admin's tenant; for others the id of none. */
async function makeTeam(person: Person): Promise<string> {
  const { createTeam } = await person.ask(
    'mutation ($input: CreateTeamInput!) { createTeam(input: $input) { ... on CreateTeamSuccess { team { id } } } }',
    { input: { name: randomUUID() } },
  )
  return createTeam.team?.id ?? toGlobalId('Team', randomUUID())
}

async function invite(person: Person): Promise<string> {
  const { inviteUser } = await person.ask(
    'mutation ($input: InviteUserInput!) { inviteUser(input: $input) { ... on InviteUserSuccess { invitation { id } } } }',
    { input: { email: 'guest@example.test' } },
  )
  return inviteUser.invitation?.id ?? toGlobalId('Invitation', randomUUID())
}
