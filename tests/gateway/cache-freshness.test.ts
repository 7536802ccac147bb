import { buildSchema, parse } from 'graphql'
import { expect, test } from 'vitest'
import { withKeptAnswers } from '../../gateway/cache/answers.ts'
import { type Freshness, UntilWritten } from '../../gateway/cache/freshness.ts'
import { KeptTexts } from '../../gateway/cache/kept.ts'
import type { Engine, OperationRequest } from '../../gateway/engine/types.ts'
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
