import { expertGroup } from './expert-group.ts'
import { type Graph, signIn } from './graph.ts'
import { simpleChat } from './simple-chat.ts'
import { smartRouter } from './smart-router.ts'

/** Runs the three flows one after the other, and prints what each came to. */
async function main(): Promise<void> {
  const { MNEMOGRAPH_URL = 'http://127.0.0.1:4000/graphql', MNEMOGRAPH_LOGIN, MNEMOGRAPH_PASSWORD } = process.env
  if (!MNEMOGRAPH_LOGIN || !MNEMOGRAPH_PASSWORD) {
    throw new Error('Set MNEMOGRAPH_LOGIN and MNEMOGRAPH_PASSWORD; MNEMOGRAPH_URL when the server is elsewhere.')
  }
  const graph = await signIn(MNEMOGRAPH_URL, MNEMOGRAPH_LOGIN, MNEMOGRAPH_PASSWORD)
  for (const [name, result] of Object.entries(await allFlows(graph))) {
    console.log(`${name}:`, JSON.stringify(result, null, 2))
  }
}

export async function allFlows(graph: Graph) {
  const chat = await simpleChat(graph, {
    message: 'I like to sit by the window.',
    answer: 'I will remember that.',
    preference: 'window seat',
  })
  const { sessionId } = chat
  const router = await smartRouter(graph, {
    sessionId,
    request: 'Then look up the timetable and find a train to Lisbon tomorrow, and compare the prices.',
    tools: [
      {
        name: 'timetable',
        description: 'Looks up the timetable of trains, and their prices',
        run: async () => ({ leaves: '09:10', price: 42 }),
      },
    ],
  })
  const group = await expertGroup(graph, {
    sessionId,
    topic: 'the best train',
    finding: 'The train at 09:10 is the best one to Lisbon.',
    experts: ['planner', 'accountant', 'sceptic'].map((name) => ({
      agentId: name,
      capabilities: [name],
      judge: async () => ({
        choice: name === 'sceptic' ? ('AGAINST' as const) : ('FOR' as const),
        confidence: name === 'sceptic' ? 0.3 : 0.9,
        reason: `the ${name} has looked at it`,
      }),
    })),
  })
  return { chat, router, group }
}

if (process.argv[1] === import.meta.filename) await main()
