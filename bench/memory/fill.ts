import { openTexts, sessionLength, speakers } from './texts.ts'
import type { World } from './world.ts'

const texts = openTexts()
const batch = 1000

/** Remembers turns through the graph, from the `from`-th to the `to`-th, in sessions; vectors follow in the projector. */
export async function fill(world: World, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += batch) {
    const count = Math.min(batch, to - at)
    const first = Math.floor(at / sessionLength)
    const sessions = new Map<number, string>()
    for (let s = first; s * sessionLength < at + count; s++) sessions.set(s, await openSession(world, s))
    const items = Array.from({ length: count }, (_, i) => {
      const n = at + i
      return {
        content: texts.turn(n),
        sessionId: sessions.get(Math.floor(n / sessionLength)),
        occurredAt: new Date(Date.UTC(2020, 0, 1) + Math.floor(n / sessionLength) * 7_200_000).toISOString(),
        metadata: { speaker: speakers[n % 2] },
        tier: n % 4 === 0 ? 'SEMANTIC' : 'EPISODIC',
      }
    })
    const { answer } = await world.ask<{ answer: { message?: string } }>(
      'mutation ($input: RememberManyInput!) { answer: rememberMany(input: $input) { ... on Problem { message } } }',
      { input: { items } },
    )
    if (answer.message !== undefined) throw new Error(answer.message)
  }
  await world.caughtUp()
}

async function openSession(world: World, session: number): Promise<string> {
  const { answer } = await world.ask<{ answer: { session: { id: string } } }>(
    `mutation ($input: OpenChatSessionInput!) { answer: openChatSession(input: $input) {
      ... on OpenChatSessionSuccess { session { id } } } }`,
    { input: { externalId: `session ${session}` } },
  )
  return answer.session.id
}
