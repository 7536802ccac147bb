import { buildSchema, parse } from 'graphql'
import { expect, test } from 'vitest'
import { withKeptAnswers } from '../../gateway/cache/answers.ts'
import { withKeptFetches } from '../../gateway/cache/fetches.ts'
import { type Freshness, UntilWritten } from '../../gateway/cache/freshness.ts'
import { KeptTexts } from '../../gateway/cache/kept.ts'
import type { Channel, Engine, OperationRequest } from '../../gateway/engine/types.ts'
import { PolicySum } from '../../lib/cache-control.ts'
import type { Cache } from '../../stores/cache/port.ts'
import { openCache } from '../../stores/open-cache.ts'
import { testContext } from '../kit/federation.ts'

/** A fake engine over one number. A read takes the number at once, and answers when it is let go. */
class Counter {
  value = 0
  reads = 0
  holding: Promise<void> | undefined
  readonly #engine: Engine

  constructor(freshness: Freshness) {
    const fake: Engine = {
      schema: buildSchema('type Query { n: Int } type Mutation { add: Int }'),
      supergraphSdl: '',
      execute: async ({ query, context }) => {
        if (query === 'mutation { add }') return { text: `{"data":{"add":${++this.value}}}`, errors: [] }
        this.reads++
        const text = `{"data":{"n":${this.value}}}`
        await this.holding
        context.cachePolicy?.add({ maxAge: 60, scope: 'PUBLIC' })
        return { text, errors: [] }
      },
      subscribe: () => Promise.reject(new Error('not asked')),
      explain: () => Promise.reject(new Error('not asked')),
      close: async () => {},
    }
    this.#engine = withKeptAnswers(fake, freshness, new KeptTexts(openCache(1_000_000), freshness, ''))
  }

  async ask(query: string): Promise<string> {
    const request = { query, document: parse(query), operationName: undefined, variables: {}, context: testContext() }
    return (await this.#engine.execute(request satisfies OperationRequest)).text
  }
}

test('an answer that was kept is not given after an acknowledged write', async () => {
  const counter = new Counter(new UntilWritten())
  await counter.ask('{ n }')
  expect(await counter.ask('{ n }')).toBe('{"data":{"n":0}}')
  expect(counter.reads).toBe(1)
  await counter.ask('mutation { add }')
  expect(await counter.ask('{ n }')).toBe('{"data":{"n":1}}')
})

test('an answer that was being read while something was written is not given after it', async () => {
  const counter = new Counter(new UntilWritten())
  const hold = Promise.withResolvers<void>()
  counter.holding = hold.promise
  const slow = counter.ask('{ n }')
  // The read has begun once the engine was asked.
  await expect.poll(() => counter.reads).toBe(1)
  await counter.ask('mutation { add }')
  hold.resolve()
  expect(await slow).toBe('{"data":{"n":0}}')
  expect(await counter.ask('{ n }')).toBe('{"data":{"n":1}}')
})

test('what is read for a query is kept under the tag of its beginning, however late it is read', async () => {
  const freshness = new UntilWritten()
  const kept = new KeptTexts(openCache(1_000_000), freshness, '')
  const reads: string[] = []
  const slow: Channel = {
    execute: async ({ context }) => {
      reads.push(context.readUnder ?? '')
      return { data: { n: reads.length }, cachePolicy: { maxAge: 60, scope: 'PUBLIC' } }
    },
    subscribe: () => Promise.reject(new Error('not asked')),
    close: async () => {},
  }
  const channel = withKeptFetches(slow, kept)
  const ask = (readUnder: string) =>
    channel.execute({
      subgraph: 'a',
      kind: 'query',
      operation: '{ n }',
      operationName: undefined,
      variables: {},
      context: { ...testContext(), cachePolicy: new PolicySum(), readUnder },
    })
  const began = kept.tag
  freshness.changed()
  // It may have joined a read from before the write, so whoever asks after the write must not find it.
  await ask(began)
  expect((await ask(kept.tag)).data).toEqual({ n: 2 })
  expect((await ask(kept.tag)).data).toEqual({ n: 2 })
  expect(reads).toEqual(['0', '1'])
})

test('what can be found no more is not kept either', async () => {
  const freshness = new UntilWritten()
  const entries = new Map<string, unknown>()
  const cache: Cache = {
    get: async <T>(_: string, key: string) => entries.get(key) as T | undefined,
    set: async (_, key, value) => void entries.set(key, value),
    delete: async (_, key) => void entries.delete(key),
    clear: async () => entries.clear(),
    close: async () => {},
  }
  const kept = new KeptTexts(cache, freshness, '')
  const text = { text: 'of somebody', policy: { maxAge: 60, scope: 'PUBLIC' as const } }
  const reader = kept.readerOf(testContext())
  await kept.keep(reader, 'what', text, 0)
  expect(entries.size).toBe(1)
  freshness.changed()
  expect(entries.size).toBe(0)
  // What was read before the write, and comes after it.
  await kept.keep(reader, 'what', text, 0)
  expect(entries.size).toBe(0)
  await kept.keep(kept.readerOf(testContext()), 'what', text, 0)
  expect(entries.size).toBe(1)
})
