import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { toGlobalId } from '../../../lib/ids.ts'
import type { Data, Person } from '../../kit/product.ts'
import { inputs, type Planter } from './mutations.ts'
import { namingPaths, type Probe, place, selectionOf, variablesOf } from './probes.ts'

export const schema = buildSchema(readFileSync(new URL('../../../schema/api.graphql', import.meta.url), 'utf8'))
/** What whoever is planted for has in all his things. */
export const word = 'Zanzibarium'

/** What differs from one answer to the next whoever asks. */
const volatile = /(^|_)(tookMs|traceId|requestId|latencyMs|accessCount|accessedAt)$/

/** An answer's text without what differs from one to the next; of hours, of which a new one may begin, those that tell. */
function textOf(result: unknown): string {
  return JSON.stringify(result, (key, value) => {
    if (volatile.test(key)) return undefined
    if (key !== 'routerAnalytics' || !Array.isArray(value)) return value
    return value.filter(({ requests }) => requests > 0).map(({ startsAt: _, ...hour }) => hour)
  })
}

const remember =
  'mutation ($input: RememberInput!) { remember(input: $input) { ... on RememberSuccess { cursor memory { id } } } }'

/** The place in the log of a change that somebody makes now. */
export async function placeNow(asker: Person): Promise<string> {
  // What was said before word for word is not written again, and has no place of its own.
  return (await asker.ask(remember, { input: { content: `A mark: ${randomUUID()}.` } })).remember.cursor
}

/** Waits until somebody, following from a place, has heard of a change that he makes now. */
export async function caughtUp(asker: Person, after: string): Promise<void> {
  const cursor = await placeNow(asker)
  const events = asker.follow(
    'websocket',
    'subscription ($after: Cursor) { memoryChanges(after: $after) { cursor } }',
    { after },
  )
  for await (const event of events) if (event.data?.memoryChanges.cursor === cursor) return
}

/** Every mutation of the kinds that subscriptions tell of. */
export async function everyChange({ person: who, plants }: Planter): Promise<void> {
  const changes = ['reviseMemory', 'postToBlackboard', 'appendMessages', 'updateChatSession', 'syncMemory', 'remember']
  for (const mutation of changes) {
    const sent = await mutate(who, mutation, await inputs[mutation]?.({ person: who, plants }), '')
    if (!sent.includes('Success"')) throw new Error(`${mutation}: ${sent}`)
  }
  await changeWhatIsFound(who)
}

/** Revises one of the memories that somebody finds by the word and that are his, so that whoever follows it is told. */
async function changeWhatIsFound(who: Person): Promise<void> {
  const find =
    'query ($word: String!) { recall(query: $word) { hits { memory { id content owner { id } } } } viewer { id } }'
  const { recall, viewer } = await who.ask(find, { word })
  const own = recall.hits.map(({ memory }: Data) => memory).find(({ owner }: Data) => owner.id === viewer.id)
  if (!own) throw new Error(`nothing of his own is found by ${word}`)
  const sent = await mutate(who, 'reviseMemory', { id: own.id, content: `${own.content} Still so.` }, '')
  if (!sent.includes('Success"')) throw new Error(`reviseMemory: ${sent}`)
}

/** Collects what somebody is told until the signal; a stream that has ended stays so. */
export async function listen(
  asker: Person,
  document: string,
  variables: Data,
  told: string[],
  signal: AbortSignal,
): Promise<void> {
  const ended = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()))
  const events = asker.follow('sse', document, variables)
  const collect = async () => {
    for await (const event of events) told.push(JSON.stringify(event))
  }
  void collect().catch((error: unknown) => told.push(String(error)))
  await ended
  void events.return(undefined)
}

/** Two ids of a type that name nothing. */
export function nothings(type: string): string[] {
  return [toGlobalId(type, randomUUID()), toGlobalId(type, randomUUID())]
}

export async function answer(asker: Person, probe: Probe, ids: readonly string[]): Promise<string> {
  const used = ids.slice(0, Math.max(1, probe.slots.filter(({ kind }) => kind === 'id').length))
  const result = await asker.send(probe.document, variablesOf(probe, used, word))
  return normal(textOf(result), used)
}

/** The same answer for other ids is the same answer. */
export function normal(text: string, ids: readonly string[]): string {
  return ids.reduce((now, id, index) => now.replaceAll(id, `<id ${index}>`), text)
}

export function idsIn(text: string): string[] {
  return [...text.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id as string)
}

export async function mutate(asker: Person, mutation: string, input: Data, id: string): Promise<string> {
  const field = schema.getMutationType()?.getFields()[mutation]
  if (!field) throw new Error(`there is no mutation ${mutation}`)
  const given = field.args.length === 0 ? '' : '(input: $input)'
  const declared = field.args.map((argument) => `($input: ${argument.type})`).join('')
  const result = await asker.send(
    `mutation Probe${declared} { ${mutation}${given} ${selectionOf(schema, field.type, 2)} }`,
    { input },
  )
  return normal(textOf(result), id === '' ? [] : [id])
}

/** Every place of every mutation's input that takes an id, with the type that its name says, if it says one. */
export function mutationArguments(): { mutation: string; path: readonly string[] }[] {
  return Object.values(schema.getMutationType()?.getFields() ?? {}).flatMap((field) =>
    field.args.flatMap(({ type }) =>
      namingPaths(type)
        .filter(({ kind }) => kind === 'id')
        .map(({ path }) => ({ mutation: field.name, path })),
    ),
  )
}

export function replaced(input: Data, path: readonly string[], id: string): Data {
  const copy = structuredClone(input)
  place(copy, path, id)
  return copy
}

export function has(input: Data, path: readonly string[]): boolean {
  const [head, ...rest] = path
  if (head === undefined) return input !== undefined && input !== null
  const next = input?.[head]
  return has(Array.isArray(next) ? next[0] : next, rest)
}

/** A user's public card is seen by all of his tenant. */
export function isCard(room: string, type: string, asker: string): boolean {
  return room === 'users' && type === 'User' && ['neighbour', 'admin'].includes(asker)
}

export async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (const item of items) results.push(await work(item))
  return results
}
