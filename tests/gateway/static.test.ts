import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { serveFolder } from '../../gateway/edge/static.ts'
import { type EdgeWorld, startEdge } from '../kit/edge.ts'

const folder = mkdtempSync(join(tmpdir(), 'explorer-'))
let world: EdgeWorld

beforeAll(async () => {
  mkdirSync(join(folder, 'dist/assets'), { recursive: true })
  writeFileSync(join(folder, 'secret.txt'), 'secret')
  writeFileSync(join(folder, 'dist/index.html'), '<!doctype html>')
  writeFileSync(join(folder, 'dist/assets/index-DiwrgTda.js'), 'run()')
  const handle = serveFolder(join(folder, 'dist'), '/explorer') ?? expect.unreachable()
  world = await startEdge({ edge: { routes: [{ path: '/explorer', handle }] } })
})
afterAll(async () => {
  await world[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const get = (path: string, init: RequestInit = {}) => fetch(new URL(path, world.url), { redirect: 'manual', ...init })

/** `fetch` tidies a path before it sends it. */
function rawStatus(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(world.url)
    request({ hostname, port, path }, (response) => resolve(response.resume().statusCode))
      .on('error', reject)
      .end()
  })
}

describe('the page', () => {
  test('is under its path, with its policy', async () => {
    const redirect = await get('/explorer')
    expect([redirect.status, redirect.headers.get('location')]).toEqual([308, '/explorer/'])
    const home = await get('/')
    expect([home.status, home.headers.get('location')]).toEqual([302, '/explorer/'])
    const page = await get('/explorer/')
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("script-src 'self';")
    expect(policy).not.toMatch(/https?:|\*/)
    expect(await page.text()).toBe('<!doctype html>')
  })

  test('keeps hashed files for ever, and answers 304 for what is known', async () => {
    const script = await get('/explorer/assets/index-DiwrgTda.js')
    expect(script.headers.get('cache-control')).toContain('immutable')
    const etag = script.headers.get('etag') ?? ''
    expect((await get('/explorer/assets/index-DiwrgTda.js', { headers: { 'if-none-match': etag } })).status).toBe(304)
  })

  test('is shown for the routes of its own, and not for missing files', async () => {
    expect(await (await get('/explorer/schema')).text()).toBe('<!doctype html>')
    expect((await get('/explorer/missing.js')).status).toBe(404)
    expect((await get('/explorer/', { method: 'POST' })).status).toBe(405)
  })

  test('leads to no file outside', async () => {
    for (const path of ['/explorer/../secret.txt', '/explorer/..%2fsecret.txt', '/explorer/%2e%2e/secret.txt']) {
      expect(await rawStatus(path), path).toBe(404)
    }
  })

  test('is not there when nothing was built', () => {
    expect(serveFolder(join(folder, 'nothing'), '/explorer')).toBe(null)
  })
})
