import { expect, test, vi } from 'vitest'
import type {
  Channel,
  EngineResponse,
  ResponseStream,
  SubgraphRequest,
  SubgraphResponse,
} from '../../gateway/engine/types.ts'
import type { RequestContext, Viewer } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { Federation, testContext } from '../kit/federation.ts'

const sdl = {
  posts: `
    scalar Cursor
    type Query { posts: Int }
    type Subscription { added(topic: String, after: Cursor): Post! }
    type Post @key(fields: "id") { id: ID! title: String! }`,
  likes: 'type Post @key(fields: "id") { id: ID! likes: Int! }',
}
const subscription =
  'subscription ($topic: String, $after: Cursor) { added(topic: $topic, after: $after) { title likes } }'

/** A subgraph whose log a test writes: cursors are `c1`, `c2`, …; streams follow it from where they are told to. */
class FakeLog implements Channel {
  readonly requests: SubgraphRequest[] = []
  readonly #texts: string[] = []
  readonly #streams = new Set<{ wake: () => void; broken: boolean }>()
  /** Streams that cannot be opened now. */
  isDown = false
  open = 0

  write(...texts: string[]): void {
    this.#texts.push(...texts)
    for (const stream of this.#streams) stream.wake()
  }

  /** Breaks every open stream off. */
  break(): void {
    for (const stream of this.#streams) {
      stream.broken = true
      stream.wake()
    }
  }

  async subscribe(request: SubgraphRequest) {
    this.requests.push(request)
    if (this.isDown) throw codedError('SUBGRAPH_UNAVAILABLE', 'It is down.')
    const after = request.context.resumeAfter ?? (request.variables.after as string | undefined)
    const start = after === undefined ? this.#texts.length : Number(after.slice(1))
    return Object.assign(this.#events(keyOf(request), start, request.context.signal), { startsAfter: `c${start}` })
  }

  async execute(): Promise<never> {
    throw new Error('only subscriptions are asked of it')
  }

  async close() {}

  async *#events(key: string, start: number, signal: AbortSignal): AsyncGenerator<SubgraphResponse> {
    const state = { wake: () => {}, broken: false }
    this.#streams.add(state)
    this.open += 1
    signal.addEventListener('abort', () => state.wake())
    try {
      for (let at = start; !signal.aborted; ) {
        if (state.broken) throw codedError('SUBGRAPH_UNAVAILABLE', 'It broke off.')
        const title = this.#texts[at]
        if (title === undefined) {
          await new Promise<void>((resolve) => {
            state.wake = resolve
          })
          continue
        }
        at += 1
        yield {
          data: { [key]: { __typename: 'Post', id: String(at), title } },
          extensions: { live: { cursor: `c${at}`, resync: false, lagging: false } },
        }
      }
    } finally {
      this.open -= 1
      this.#streams.delete(state)
    }
  }
}

/** The engine may ask for a field by another name. */
function keyOf({ operation }: SubgraphRequest): string {
  return /\{(\w+)/.exec(operation)?.[1] ?? 'added'
}

function world() {
  const log = new FakeLog()
  let joined = 0
  const federation = new Federation(
    {
      posts: { sdl: sdl.posts },
      likes: {
        sdl: sdl.likes,
        resolvers: {
          Post: {
            likes: ({ id }: { id: string }) => {
              joined += 1
              return Number(id)
            },
          },
        },
      },
    },
    { wrap: (name, channel) => (name === 'posts' ? log : channel) },
  )
  const subscribe = async (variables: Record<string, unknown>, context: Partial<RequestContext>) =>
    reader(await federation.subscribe(subscription, variables, { ...testContext(), ...context }))
  const follow = (variables: Record<string, unknown> = {}, viewer: Viewer | null = null) =>
    subscribe(variables, { viewer })
  return { log, follow, subscribe, joined: () => joined }
}

function reader(stream: ResponseStream) {
  const events = stream[Symbol.asyncIterator]()
  const next = async (): Promise<EngineResponse> => {
    const { value, done } = await events.next()
    return done ? expect.unreachable('the stream is over') : value
  }
  return {
    startsAfter: stream.startsAfter,
    next,
    async titles(count: number): Promise<string[]> {
      const titles: string[] = []
      while (titles.length < count) {
        const { text, errors } = await next()
        if (errors.length > 0) throw new Error(text)
        titles.push(JSON.parse(text).data.added.title)
      }
      return titles
    },
    isOver: async () => (await events.next()).done === true,
    leave: () => events.return?.(),
  }
}

test('nothing is shared between clients whose headers go on to a subgraph and differ', async () => {
  const { log, subscribe } = world()
  for (const tenant of ['a', 'b', 'a']) await subscribe({}, { clientHeaders: { 'x-tenant': tenant } })
  expect(log.requests.map(({ context }) => context.clientHeaders?.['x-tenant'])).toEqual(['a', 'b'])
})

const viewer: Viewer = { userId: 'u', tenantId: 't', sessionId: 's', role: 'MEMBER', scopes: [] }

test('readers of one operation with one authority share one upstream, and each event is joined once', async () => {
  const { log, follow, joined } = world()
  const readers = await Promise.all(Array.from({ length: 20 }, () => follow({ topic: 'x' }, viewer)))
  const late = await follow({ topic: 'x' }, viewer)
  const reading = [...readers, late].map((one) => one.titles(3))
  log.write('a', 'b', 'c')
  for (const titles of await Promise.all(reading)) expect(titles).toEqual(['a', 'b', 'c'])
  expect([log.requests.length, joined()]).toEqual([1, 3])
  for (const one of [...readers, late]) await one.leave()
  await expect.poll(() => log.open).toBe(0)
})

test('the same bytes go to all', async () => {
  const { log, follow } = world()
  const [one, other] = await Promise.all([follow(), follow()])
  const reading = Promise.all([one.next(), other.next()])
  log.write('a')
  const [first, second] = await reading
  expect(first).toBe(second)
})

test.each<[string, Record<string, unknown>, Viewer | null]>([
  ['another user', {}, { ...viewer, userId: 'v' }],
  ['another sign-in', {}, { ...viewer, sessionId: 'r' }],
  ['other scopes', {}, { ...viewer, scopes: ['read'] }],
  ['another role', {}, { ...viewer, role: 'ADMIN' }],
  ['nobody', {}, null],
  ['other variables', { topic: 'y' }, viewer],
])('nothing is shared with %s', async (_, variables, who) => {
  const { log, follow } = world()
  await follow({}, viewer)
  await follow(variables, who)
  expect(log.requests).toHaveLength(2)
  expect(log.requests.map(({ context }) => context.viewer)).toEqual([viewer, who])
})

test('a reader who comes back joins at his place, without another upstream', async () => {
  const { log, follow } = world()
  const staying = await follow()
  expect(staying.startsAfter).toBe('c0')
  const reading = staying.titles(4)
  log.write('a', 'b', 'c', 'd')
  await reading
  const back = await follow({ after: 'c2' })
  expect(back.startsAfter).toBe('c2')
  expect(await back.titles(2)).toEqual(['c', 'd'])
  expect(log.requests).toHaveLength(1)
  const both = [staying.titles(1), back.titles(1)]
  log.write('e')
  expect(await Promise.all(both)).toEqual([['e'], ['e']])
})

test('a reader from further back reads by himself, and is one with the others once he has caught up', async () => {
  const { log, follow } = world()
  const all = Array.from({ length: 300 }, (_, n) => `t${n}`)
  log.write(...all.slice(0, 200))
  const staying = await follow()
  const catching = await follow({ after: 'c0' })
  expect(log.requests).toHaveLength(2)
  expect(await catching.titles(150)).toEqual(all.slice(0, 150))
  const reading = staying.titles(100)
  log.write(...all.slice(200))
  expect(await reading).toEqual(all.slice(200))
  expect(await catching.titles(150)).toEqual(all.slice(150))
  await expect.poll(() => log.open).toBe(1)
  const both = [staying.titles(1), catching.titles(1)]
  log.write('last')
  expect(await Promise.all(both)).toEqual([['last'], ['last']])
})

test('whoever asks for what comes from now on is given nothing of what another has still to catch up with', async () => {
  const { log, follow } = world()
  log.write('old', 'older')
  await follow({ after: 'c0' })
  const now = await follow()
  const reading = now.titles(1)
  log.write('new')
  expect(await reading).toEqual(['new'])
})

test('a subgraph that breaks off and stays away for a while is taken up where it was', async () => {
  const { log, follow } = world()
  const one = await follow()
  const first = one.titles(1)
  log.write('a')
  await first
  const rest = one.titles(3)
  log.isDown = true
  log.break()
  log.write('b', 'c')
  await expect.poll(() => log.requests.length).toBeGreaterThan(2)
  log.isDown = false
  log.write('d')
  expect(await rest).toEqual(['b', 'c', 'd'])
  expect(log.requests.at(-1)?.context.resumeAfter).toBe('c1')
})

test('also when it breaks off again after a long time without an event', async () => {
  const { log, follow } = world()
  const one = await follow()
  const rest = one.titles(1)
  log.break()
  await expect.poll(() => log.requests.length).toBe(2)
  const now = performance.now.bind(performance)
  const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000)
  log.break()
  log.write('a')
  expect(await rest).toEqual(['a'])
  later.mockRestore()
})

test('also before its first event', async () => {
  const { log, follow } = world()
  const one = await follow()
  const rest = one.titles(1)
  log.break()
  log.write('a')
  expect(await rest).toEqual(['a'])
})

test('a reader who leaves too much waiting is told so with his cursor, and nobody else suffers', async () => {
  const { log, follow } = world()
  const [quick, slow] = [await follow(), await follow()]
  const first = Promise.all([quick.titles(1), slow.titles(1)])
  log.write('t0')
  await first
  const reading = quick.titles(1000)
  log.write(...Array.from({ length: 1000 }, (_, n) => `t${n + 1}`))
  expect(await reading).toHaveLength(1000)
  const told = await slow.next()
  expect(told.isLagging).toBe(true)
  expect(JSON.parse(told.text)).toEqual({
    data: null,
    extensions: { live: { cursor: 'c1', resync: false, lagging: true } },
  })
  expect(await slow.isOver()).toBe(true)
  const back = await follow({ after: 'c1' })
  expect((await back.titles(1000)).at(-1)).toBe('t1000')
})

test('a notice of the subgraph is passed on as it is', async () => {
  const notice = { data: null, extensions: { live: { cursor: 'c9', resync: true, lagging: false } } }
  const channel: Channel = {
    subscribe: async () =>
      (async function* () {
        yield notice
      })(),
    execute: async () => expect.unreachable(),
    close: async () => {},
  }
  const federation = new Federation({ posts: { sdl: sdl.posts } }, { wrap: () => channel })
  const one = reader(await federation.subscribe('subscription { added { title } }'))
  const { text, cursor, errors } = await one.next()
  expect([JSON.parse(text), cursor, errors]).toEqual([notice, 'c9', []])
})
