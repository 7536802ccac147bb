import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../stores/objects/port.ts'

export interface ObjectWorld {
  readonly store: ObjectStore
  close(): Promise<void>
}

/** What every object store must do, wherever it keeps the bytes. */
export function objectContract(name: string, openWorld: () => Promise<ObjectWorld>): void {
  describe(`objects: ${name}`, () => {
    let world: ObjectWorld
    beforeAll(async () => {
      world = await openWorld()
    })
    afterAll(() => world.close())

    const put = (owner: string, key: string, ...chunks: string[]) => world.store.put(owner, key, streamOf(...chunks))
    const read = async (owner: string, key: string) => {
      const body = await world.store.get(owner, key)
      return body && (await textOf(body))
    }

    test('gives back the bytes that were put in last', async () => {
      const owner = randomUUID()
      await fc.assert(
        fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 2000 }), { maxLength: 5 }), async (chunks) => {
          const whole = Buffer.concat(chunks)
          expect(await world.store.put(owner, 'any', bytesOf(chunks))).toBe(whole.length)
          const parts: Uint8Array[] = []
          for await (const part of (await world.store.get(owner, 'any')) ?? []) parts.push(part)
          expect(Buffer.concat(parts).equals(whole)).toBe(true)
        }),
        { numRuns: 30 },
      )
      expect(await world.store.list(owner)).toEqual(['any'])
    })

    test('lists by prefix, in order, and removes', async () => {
      const owner = randomUUID()
      for (const key of ['exports/b.jsonl', 'exports/a.jsonl', 'archive/2026-11.gz']) await put(owner, key, key)
      expect(await world.store.list(owner, 'exports/')).toEqual(['exports/a.jsonl', 'exports/b.jsonl'])
      expect(await world.store.remove(owner, 'exports/a.jsonl')).toBe(true)
      expect(await world.store.remove(owner, 'exports/a.jsonl')).toBe(false)
      expect(await world.store.list(owner)).toEqual(['archive/2026-11.gz', 'exports/b.jsonl'])
      expect(await world.store.removeAll(owner)).toBe(2)
      expect(await world.store.removeAll(owner)).toBe(0)
      expect(await world.store.list(owner)).toEqual([])
    })

    test('lists what was put before a moment', async () => {
      const owner = randomUUID()
      await put(owner, 'exports/a.jsonl', 'a')
      await put(owner, 'archive/a.gz', 'a')
      const inSeconds = (seconds: number) => new Date(Date.now() + seconds * 1000)
      expect(await world.store.list(owner, 'exports/', inSeconds(60))).toEqual(['exports/a.jsonl'])
      expect(await world.store.list(owner, 'exports/', inSeconds(-60))).toEqual([])
    })

    test('keeps owners apart', async () => {
      const [mine, theirs] = [randomUUID(), randomUUID()]
      await put(mine, 'note', 'mine')
      expect(await read(theirs, 'note')).toBeNull()
      expect(await world.store.remove(theirs, 'note')).toBe(false)
      expect(await world.store.removeAll(theirs)).toBe(0)
      expect(await read(mine, 'note')).toBe('mine')
    })

    test.each(['', '.', '..', '../other', 'a/../b', '/etc/passwd', 'a//b', '.hidden', 'a\\b', 'a\0b', 'x'.repeat(101)])(
      'refuses %j as a name, and as an owner',
      async (given) => {
        const owner = randomUUID()
        await expect(put(owner, given, 'x')).rejects.toThrow('names no object')
        await expect(world.store.get(owner, given)).rejects.toThrow('names no object')
        await expect(world.store.remove(owner, given)).rejects.toThrow('names no object')
        await expect(put(given, 'name', 'x')).rejects.toThrow('names no object')
        await expect(world.store.list(given)).rejects.toThrow('names no object')
        await expect(world.store.removeAll(given)).rejects.toThrow('names no object')
      },
    )

    test('keeps what was there when a new body fails half way', async () => {
      const owner = randomUUID()
      await put(owner, 'report', 'whole')
      await expect(world.store.put(owner, 'report', failing('half'))).rejects.toThrow('the source broke')
      expect(await read(owner, 'report')).toBe('whole')
      await expect(world.store.put(owner, 'other', failing('half'))).rejects.toThrow('the source broke')
      expect(await world.store.list(owner)).toEqual(['report'])
    })

    test('lets a reader finish what is replaced meanwhile', async () => {
      const owner = randomUUID()
      await put(owner, 'file', 'old')
      const body = await world.store.get(owner, 'file')
      await put(owner, 'file', 'new')
      expect(body && (await textOf(body))).toBe('old')
      expect(await read(owner, 'file')).toBe('new')
    })

    test('is well', async () => {
      expect(await world.store.health()).toBe(true)
    })
  })
}

async function* bytesOf(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* chunks
}

function streamOf(...chunks: string[]): AsyncGenerator<Uint8Array> {
  return bytesOf(chunks.map((chunk) => Buffer.from(chunk)))
}

async function* failing(begin: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(begin)
  throw new Error('the source broke')
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts).toString()
}
