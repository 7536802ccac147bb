import { afterEach, describe, expect, test } from 'vitest'
import {
  createExtractor,
  type Extractor,
  ExtractorBusyError,
  ExtractorClosedError,
} from '../../subgraphs/knowledge/extraction/extractor.ts'

const open: Extractor[] = []

function extractor(mostWaiting?: number): Extractor {
  const made = createExtractor(mostWaiting === undefined ? {} : { mostWaiting })
  open.push(made)
  return made
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()))
})

describe('the extractor', () => {
  const text = 'We asked Oksana about KLM1042 yesterday.'

  test('counts and extracts in its worker', async () => {
    const { count, extract } = extractor()
    const [casing = new Map()] = await count([text, 'nothing'])
    expect(casing.get('oksana')).toEqual({ lower: 0, capitalised: 1, initial: 0 })
    const [first, second] = await extract([{ text, at: new Date('2025-06-11T00:00:00Z') }, { text: 'nothing' }], casing)
    expect(first?.map((mention) => mention.key)).toEqual(['oksana', 'klm1042', '2025-06-10'])
    expect(second).toEqual([])
  })

  test('the main thread goes on while the worker reads', async () => {
    const { extract } = extractor()
    let turns = 0
    let isDone = false
    const reading = extract([{ text: `${text} `.repeat(2_000) }], new Map()).then(() => {
      isDone = true
    })
    while (!isDone) {
      await new Promise(setImmediate)
      turns += 1
    }
    await reading
    expect(turns).toBeGreaterThan(10)
  })

  test('refuses calls beyond its queue, and serves those before', async () => {
    const { count } = extractor(2)
    const served = [count([text]), count([text]), count([text])]
    await expect(count([text])).rejects.toBeInstanceOf(ExtractorBusyError)
    await expect(Promise.all(served)).resolves.toHaveLength(3)
    await expect(count([text])).resolves.toHaveLength(1)
  })

  test('an aborted call leaves the queue, and the others are answered', async () => {
    const { count } = extractor()
    const abort = new AbortController()
    const [first, second, third] = [count([text]), count([text], abort.signal), count(['one'])]
    abort.abort(new Error('gone'))
    await expect(second).rejects.toThrow('gone')
    expect((await first)[0]?.has('oksana')).toBe(true)
    expect((await third).map((words) => [...words.keys()])).toEqual([['one']])
    await expect(count([text], AbortSignal.abort(new Error('late')))).rejects.toThrow('late')
  })

  test('a job that cannot be read fails alone', async () => {
    const { count } = extractor()
    await expect(count([null as unknown as string])).rejects.toThrow()
    await expect(count([text])).resolves.toHaveLength(1)
  })

  test('closing refuses what waits and what comes, twice as well as once', async () => {
    const closing = extractor()
    const waiting = [closing.count([text]), closing.count([text])]
    const settled = Promise.allSettled(waiting)
    await Promise.all([closing.close(), closing.close()])
    for (const result of await settled) {
      expect(result).toMatchObject({ status: 'rejected', reason: expect.any(ExtractorClosedError) })
    }
    await expect(closing.count([text])).rejects.toBeInstanceOf(ExtractorClosedError)
  })
})
