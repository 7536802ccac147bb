import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openObjectDirectory } from '../../stores/objects/directory.ts'
import { inMemoryObjects } from '../../stores/objects/in-memory.ts'
import { objectContract } from './objects.ts'

objectContract('in memory', async () => ({ store: inMemoryObjects(), close: async () => {} }))

objectContract('a directory', async () => {
  const root = mkdtempSync(join(tmpdir(), 'objects-'))
  return { store: await openObjectDirectory(root), close: async () => rmSync(root, { recursive: true }) }
})

describe('the object directory', () => {
  let root: string
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'objects-'))
  })
  afterEach(() => rmSync(root, { recursive: true }))

  test('throws away what a process that died left half written, and not what one is writing', async () => {
    mkdirSync(join(root, '.drafts'))
    for (const name of ['old', 'young']) writeFileSync(join(root, '.drafts', name), 'half')
    const twoDaysAgo = Date.now() / 1000 - 2 * 24 * 60 * 60
    utimesSync(join(root, '.drafts', 'old'), twoDaysAgo, twoDaysAgo)
    const store = await openObjectDirectory(root)
    expect(readdirSync(join(root, '.drafts'))).toEqual(['young'])
    expect(await store.health()).toBe(true)
  })

  test('lets nobody else read, and tells when its folder is gone', async () => {
    const store = await openObjectDirectory(root)
    const body = (async function* () {
      yield Buffer.from('secret')
    })()
    await store.put('ann', 'deep/file', body)
    expect(statSync(join(root, 'ann', 'deep', 'file')).mode & 0o077).toBe(0)
    expect(statSync(join(root, 'ann')).mode & 0o077).toBe(0)
    rmSync(join(root, '.drafts'), { recursive: true })
    expect(await store.health()).toBe(false)
  })
})
