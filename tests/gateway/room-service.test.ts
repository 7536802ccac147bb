import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import { buildSchema, GraphQLError } from 'graphql'
import { afterEach, beforeEach, expect, type Mock, test, vi } from 'vitest'
import { createHttpChannel } from '../../gateway/engine/channel/http.ts'
import type { Channel, SubgraphRequest } from '../../gateway/engine/types.ts'
import { subgraphHeaders } from '../../gateway/subgraph-headers.ts'
import { CacheHints } from '../../lib/cache-hints.ts'
import type { RequestContext } from '../../lib/context.ts'
import { envelopeHeader } from '../../lib/envelope.ts'
import { codedError } from '../../lib/errors.ts'
import { createExecutor } from '../../lib/execution/executor.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { systemClock, systemIds } from '../../lib/sources.ts'
import { loadSigningKey } from '../../lib/tokens.ts'
import { createRoomService, type RoomService } from '../../subgraphs/serve.ts'

const key = loadSigningKey(':memory:')
const schema = buildSchema(`
  directive @cacheControl(maxAge: Int, scope: CacheControlScope) on FIELD_DEFINITION
  enum CacheControlScope { PUBLIC PRIVATE }
  type Query { hello(name: String): String @cacheControl(maxAge: 9, scope: PRIVATE)  who: String  hang: Boolean  secret: String  coded: String }
  type Subscription { count: Int  late: Int  broken: Int }`)

/** The contexts that the room's resolvers were given. */
let contexts: RequestContext[]
let service: RoomService
let channel: Channel
let url: string
let ended: Mock<() => void>

const root = {
  hello: ({ name }: { name?: string }) => `hello ${name ?? 'world'}`,
  who: (_: unknown, context: RequestContext) => JSON.stringify([context.viewer?.userId, context.traceId]),
  hang: () => new Promise(() => {}),
  secret: () => {
    throw new Error('the password is xyzzy')
  },
  coded: () => {
    throw codedError('STORE_UNAVAILABLE', 'The store is away.')
  },
  count: () => counted([1, 2, 3]),
  late: () => counted([1], new Promise(() => {})),
  broken: () => counted([1], Promise.reject(new GraphQLError('the source broke'))),
}

function counted(values: readonly number[], last: Promise<unknown> = Promise.resolve()) {
  const left = [...values]
  return {
    async next() {
      const n = left.shift()
      if (n === undefined) await last
      return n === undefined ? { done: true, value: n } : { done: false, value: { count: n, late: n, broken: n } }
    },
    async return() {
      ended()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}

beforeEach(async () => {
  contexts = []
  ended = vi.fn<() => void>()
  const executor = createExecutor({
    schema,
    validates: true,
    contextFor: ({ context }) => {
      contexts.push(context)
      return context
    },
  })
  // Resolvers by name on a root value: the service knows nothing of how a schema resolves.
  for (const type of [schema.getQueryType(), schema.getSubscriptionType()]) {
    for (const [name, field] of Object.entries(type?.getFields() ?? {})) {
      const resolve = root[name as keyof typeof root] as (...args: unknown[]) => unknown
      if (type === schema.getQueryType()) field.resolve = (_, args, context) => resolve(args, context)
      else field.subscribe = () => resolve()
    }
  }
  service = createRoomService({
    room: 'shop',
    executor,
    hints: new CacheHints(schema),
    keys: [key],
    readiness: [],
    clock: systemClock,
    ids: systemIds,
    log: silentLog(),
    metrics: new Metrics(),
  })
  const { port } = await service.listen(0, '127.0.0.1')
  url = `http://127.0.0.1:${port}/graphql`
  channel = createHttpChannel({ name: 'shop', url, headersFor: subgraphHeaders(url, key) })
})

afterEach(async () => {
  await channel.close()
  await service.close(0)
})

function asking(operation: string, context: Partial<RequestContext> = {}): SubgraphRequest {
  const kind = operation.startsWith('subscription') ? 'subscription' : 'query'
  return {
    subgraph: 'shop',
    kind,
    operation,
    operationName: undefined,
    variables: {},
    context: {
      viewer: { userId: 'u1', tenantId: 't1', sessionId: 's1', role: 'MEMBER', scopes: ['read'] },
      deadline: Date.now() + 60_000,
      signal: new AbortController().signal,
      traceId: 'a'.repeat(32),
      clock: systemClock,
      ids: systemIds,
      ...context,
    },
  }
}

async function collect(operation: string): Promise<unknown[]> {
  const events: unknown[] = []
  for await (const event of await channel.subscribe(asking(operation))) events.push(event)
  return events
}

test('answers in the name, under the trace and until the time that the gateway says', async () => {
  const { data } = await channel.execute(asking('{ hello who }'))
  expect(data).toEqual({ hello: 'hello world', who: JSON.stringify(['u1', 'a'.repeat(32)]) })
  expect(contexts[0]?.deadline).toBeLessThanOrEqual(Date.now() + 60_000)
  expect(contexts[0]?.deadline).toBeGreaterThan(Date.now() + 30_000)
})

test('tells how long an answer may be kept, when it has no errors', async () => {
  expect((await channel.execute(asking('{ hello }'))).cachePolicy).toEqual({ maxAge: 9, scope: 'PRIVATE' })
  for (const query of ['{ hello who }', '{ hello coded }']) {
    expect((await channel.execute(asking(query))).cachePolicy).toBeUndefined()
  }
})

test('masks what is unexpected and passes on what carries a code', async () => {
  const { data, errors } = await channel.execute(asking('{ hello secret coded }'))
  expect(data).toEqual({ hello: 'hello world', secret: null, coded: null })
  expect(errors).toMatchObject([
    { message: 'Internal server error', path: ['secret'], extensions: { code: 'INTERNAL_SERVER_ERROR' } },
    { message: 'The store is away.', path: ['coded'], extensions: { code: 'STORE_UNAVAILABLE' } },
  ])
  expect(JSON.stringify(errors)).not.toContain('xyzzy')
})

test('aborts what runs when the gateway gives it up', async () => {
  const controller = new AbortController()
  const running = channel.execute(asking('{ hang }', { signal: controller.signal }))
  await expect.poll(() => contexts).toHaveLength(1)
  expect(contexts[0]?.signal.aborted).toBe(false)
  controller.abort()
  await expect(running).rejects.toThrow('given up')
  await expect.poll(() => contexts[0]?.signal.aborted).toBe(true)
})

test('answers when the time is over, though what runs goes on', async () => {
  const { errors } = await channel.execute(asking('{ hang }', { deadline: Date.now() + 1000 }))
  expect(errors).toMatchObject([{ extensions: { code: 'DEADLINE_EXCEEDED' } }])
  expect(contexts[0]?.signal.aborted).toBe(true)
})

test('counts operations by how they ended', async () => {
  const counts = async () => {
    const text = await (await fetch(new URL('/metrics', url))).text()
    return Object.fromEntries(
      [...text.matchAll(/mnemograph_room_operation_seconds_count\{outcome="(\w+)"\} (\d+)/g)].map(
        ([, outcome, count]) => [outcome, Number(count)],
      ),
    )
  }
  await channel.execute(asking('{ hello }'))
  await channel.execute(asking('{ coded }'))
  await channel.execute(asking('{ hang }', { deadline: Date.now() + 1000 }))
  const controller = new AbortController()
  const running = channel.execute(asking('{ hang }', { signal: controller.signal }))
  await expect.poll(() => contexts).toHaveLength(4)
  controller.abort()
  await expect(running).rejects.toThrow('given up')
  await expect.poll(counts).toEqual({ ok: 1, error: 1, deadline_exceeded: 1, cancelled: 1 })
})

test('streams events, each in a context made for it, until they end', async () => {
  const events = [1, 2, 3].map((count) => ({ data: { count } }))
  expect(await collect('subscription { count }')).toEqual(events)
  // One more for the source.
  expect(contexts).toHaveLength(4)
})

test('tells of a source that breaks in a last event, masked', async () => {
  const events = await collect('subscription { broken }')
  expect(events).toMatchObject([{ data: { broken: 1 } }, { errors: [{ message: 'Internal server error' }] }])
})

test('answers why a subscription cannot begin', async () => {
  const [answer] = await collect('subscription { nothing }')
  expect(answer).toMatchObject({ errors: [{ extensions: { code: 'INTERNAL_SERVER_ERROR' } }] })
})

test('ends the source of a stream that the gateway leaves, also while it waits', async () => {
  const stream = await channel.subscribe(asking('subscription { late }'))
  const iterator = stream[Symbol.asyncIterator]()
  expect((await iterator.next()).value).toEqual({ data: { late: 1 } })
  await iterator.return?.()
  await expect.poll(() => ended).toHaveBeenCalled()
  expect(contexts[0]?.signal.aborted).toBe(true)
})

test('refuses a body that is too large, signed or not', async () => {
  const size = 32 * 1024 * 1024 + 1
  const request = httpRequest(url, { method: 'POST', headers: { [envelopeHeader]: 'a.b', 'content-length': size } })
  request.on('error', () => {})
  request.flushHeaders()
  const [response] = await once(request, 'response')
  expect(response.statusCode).toBe(413)
  request.destroy()
})

test('finishes what runs when it stops, takes nothing new, and cuts streams off', async () => {
  const stream = (await channel.subscribe(asking('subscription { late }')))[Symbol.asyncIterator]()
  await stream.next()
  const running = channel.execute(asking('{ hang }', { deadline: Date.now() + 1500 }))
  await expect.poll(() => contexts).toHaveLength(3)
  const closing = service.close(60_000)
  await expect(stream.next()).rejects.toThrow('broke off a subscription')
  expect((await running).errors).toMatchObject([{ extensions: { code: 'DEADLINE_EXCEEDED' } }])
  await closing
  await expect(channel.execute(asking('{ hello }'))).rejects.toThrow('could not be reached')
})
