import { setTimeout as pause } from 'node:timers/promises'
import { uuidOf } from '../../lib/ids.ts'
import type { TestPostgres } from '../kit/postgres.ts'
import { type Data, joinProduct, type Person, person, transports } from '../kit/product.ts'

/** A server that can be ended in the middle and started again on the same data. */
export interface Restartable {
  /** Its GraphQL endpoint; another one after a restart. */
  url(): string
  restart(): Promise<void>
}

const writers = 8
const subscribers = 5
/** The longest that a transaction waits before it commits, in seconds. */
const longestLinger = 0.03

export interface Effort {
  /** How many events each writer writes. */
  readonly each: number
  /** How long subscribers may take to see the last event, once it is written. Milliseconds. */
  readonly patience: number
}

/** Numbers from 0 up to 1 that are the same in each run. */
function randomNumbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/**
 * Lets writers and subscribers at a server, ends it in the middle, and tells what was wrong with what the subscribers
 * saw: nothing, when everybody saw every acknowledged event once and in one order, which within a chat session is the
 * order of the session.
 */
export async function faultsOf(
  server: Restartable,
  database: TestPostgres,
  { each, patience }: Effort,
): Promise<string[]> {
  await lingerBeforeCommit(database)
  const ann = await joinProduct(server.url(), 'ann')
  const asAnn = () => person(server.url(), ann.token, ann.id)
  const sessions = [await openSession(ann), await openSession(ann)]
  const start = await write(asAnn(), 'the start', null, 'start')
  const stop = new AbortController()
  const seen = Array.from({ length: subscribers }, (_, n) => subscribe(asAnn, start.cursor, randomNumbers(n + 1), stop))
  const acknowledged: string[] = []
  const writing = Array.from({ length: writers }, async (_, writer) => {
    const session = writer < writers / 2 ? null : (sessions[writer % sessions.length] as string)
    for (let n = 0; n < each; n++) {
      const name = `writer ${writer}, event ${n}`
      acknowledged.push((await untilAcknowledged(() => write(asAnn(), name, session, name))).id)
      // Whoever has written half of his share has seen the server end.
      if (writer === 0 && n === each / 2) await server.restart()
    }
  })
  await Promise.all(writing)
  const last = await untilAcknowledged(() => write(asAnn(), 'the end', null, 'end'))
  const timer = setTimeout(() => stop.abort(), patience)
  const told = await Promise.all(seen.map((events) => events(last.id)))
  clearTimeout(timer)
  return [
    ...told.flatMap((ids, n) => faultsIn(ids, [...acknowledged, last.id]).map((fault) => `subscriber ${n} ${fault}`)),
    ...told.flatMap((ids, n) => (ids.join() === told[0]?.join() ? [] : [`subscriber ${n} saw another order`])),
    ...(await faultsInSessions(database, sessions, told[0] ?? [])),
  ]
}

function faultsIn(told: readonly string[], acknowledged: readonly string[]): string[] {
  const counts = new Map<string, number>()
  for (const id of told) counts.set(id, (counts.get(id) ?? 0) + 1)
  const lost = acknowledged.filter((id) => !counts.has(id)).length
  const repeated = [...counts.values()].filter((count) => count > 1).length
  return [...(lost > 0 ? [`missed ${lost}`] : []), ...(repeated > 0 ? [`was told ${repeated} more than once`] : [])]
}

async function faultsInSessions(database: TestPostgres, sessions: readonly string[], told: readonly string[]) {
  const faults: string[] = []
  for (const session of sessions) {
    const rows = await database.sql<{ id: string }>(
      'SELECT id FROM memory.memories WHERE session_id = $1 ORDER BY position',
      [uuidOf('ChatSession', session)],
    )
    const order = rows.map(({ id }) => id)
    const seen = told.map((id) => uuidOf('Memory', id) ?? '').filter((id) => order.includes(id))
    if (seen.join() !== order.join()) faults.push('a session was told in another order than its own')
  }
  return faults
}

/** Every transaction that writes an event waits a random time before its commit is done. */
async function lingerBeforeCommit(database: TestPostgres): Promise<void> {
  await database.sql(`
    CREATE FUNCTION public.linger() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_sleep(random() * ${longestLinger}); RETURN NULL; END $$`)
  await database.sql(`
    CREATE CONSTRAINT TRIGGER linger AFTER INSERT ON events.log
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.linger()`)
}

async function openSession(who: Person): Promise<string> {
  const { openChatSession } = await who.ask(
    'mutation { openChatSession(input: { mode: SIMPLE }) { ... on OpenChatSessionSuccess { session { id } } } }',
  )
  return openChatSession.session.id
}

async function write(who: Person, content: string, sessionId: string | null, key: string) {
  const query = `mutation ($input: RememberInput!) { remember(input: $input) {
    ... on RememberSuccess { cursor memory { id } } ... on Problem { message } } }`
  const { remember } = await who.ask(query, { input: { content, sessionId, clientMutationId: key } })
  return { id: remember.memory.id as string, cursor: remember.cursor as string }
}

/** A client that is told nothing sends the same again, under the same key. */
async function untilAcknowledged<T>(send: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await send()
    } catch {
      await pause(20)
    }
  }
}

/** Follows from a cursor, leaves after a few events and comes back with its last cursor, over one transport or another. */
function subscribe(asAnn: () => Person, start: string, random: () => number, stop: AbortController) {
  const told: string[] = []
  let end: string | undefined
  const query = 'subscription ($after: Cursor) { memoryChanges(after: $after) { cursor memoryId } }'
  const over = () => stop.signal.aborted || (end !== undefined && told.includes(end))
  const running = (async () => {
    let after = start
    while (!over()) {
      const transport = transports[Math.floor(random() * transports.length)] ?? 'sse'
      const stream = asAnn().follow(transport, query, { after })
      try {
        for (let left = 1 + Math.floor(random() * 12); left > 0 && !over(); left--) {
          const next = await Promise.race([stream.next(), aborted(stop.signal)])
          if (next === null || next.done === true) break
          const { data, errors }: Data = next.value
          if (!data || errors) break
          told.push(data.memoryChanges.memoryId)
          after = data.memoryChanges.cursor
        }
      } catch {
        // The server is gone; it is asked again until it is back.
        await pause(20)
      } finally {
        void stream.return(undefined).catch(() => {})
      }
    }
    return told
  })()
  return (last: string): Promise<string[]> => {
    end = last
    return running
  }
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}
