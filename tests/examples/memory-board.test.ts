import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { extname, join, normalize } from 'node:path'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Person, type Product, startProduct } from '../kit/product.ts'

const board = join(import.meta.dirname, '../../examples/memory-board')
const vite = join(board, 'node_modules/vite/bin/vite.js')
const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
const title = 'the memory board in a real Chromium (apt-get install chromium, and `npm ci` in examples/memory-board)'

describe.skipIf((executablePath === undefined || !existsSync(vite)) && !required)(title, () => {
  const folder = mkdtempSync(join(tmpdir(), 'board-'))
  let site: Server
  let product: Product
  let rosa: Person
  let browser: Browser
  let context: BrowserContext
  let page: Page
  let address: string
  const faults: string[] = []

  beforeAll(async () => {
    execFileSync(process.execPath, [vite, 'build', '--outDir', join(folder, 'dist')], { cwd: board, stdio: 'pipe' })
    site = await serve(join(folder, 'dist'))
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
    product = await startProduct({ data: join(folder, 'data'), env: { MNEMOGRAPH_CORS_ORIGINS: origin } })
    rosa = await product.join('rosa')
    address = `${origin}/?graph=${encodeURIComponent(product.url)}`
    browser = await chromium.launch({
      executablePath: executablePath ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
    })
    context = await browser.newContext()
    page = await context.newPage()
    page.on('pageerror', (error) => faults.push(error.message))
    await page.goto(address)
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await product?.close()
    site?.closeAllConnections()
    site?.close()
    rmSync(folder, { recursive: true })
  })

  const remember = async (content: string): Promise<string> => {
    const query = `mutation ($content: String!) { remember(input: { content: $content }) { ... on RememberSuccess { memory { id } } } }`
    return (await rosa.ask(query, { content })).remember.memory.id
  }
  const contents = () => page.getByRole('list', { name: 'Memories' }).getByRole('listitem').allTextContents()
  const shows = (expected: string[]) => expect.poll(contents, { timeout: 20_000 }).toEqual(expected)
  const status = (text: string) => page.getByRole('status').getByText(text, { exact: true }).waitFor()
  const write = async (content: string) => {
    await page.getByLabel('What to remember').fill(content)
    await page.getByRole('button', { name: 'Remember' }).click()
  }
  const stored = async () =>
    (await rosa.ask('{ memories(first: 50, orderBy: NEWEST_FIRST) { nodes { content } } }')).memories.nodes.map(
      ({ content }: { content: string }) => content,
    )

  test('lets nobody in with a wrong password, and shows what is there with the right one', async () => {
    await remember('There before.')
    for (const password of ['wrong', 'rosa-secret']) {
      await page.getByLabel('Name').fill('rosa')
      await page.getByLabel('Password').fill(password)
      await page.getByRole('button', { name: 'Sign in' }).click()
      if (password === 'wrong') await page.getByRole('alert').waitFor()
    }
    await status('Live')
    await shows(['There before.'])
  })

  test('shows what is written elsewhere and here, once', async () => {
    await remember('Written elsewhere.')
    await shows(['Written elsewhere.', 'There before.'])
    await write('Written here.')
    await shows(['Written here.', 'Written elsewhere.', 'There before.'])
  })

  test('survives going offline: it stays readable, and catches up with what it missed', async () => {
    const gone = await remember('Gone while offline.')
    await shows(['Gone while offline.', 'Written here.', 'Written elsewhere.', 'There before.'])
    await context.setOffline(true)
    await status('Offline')
    await write('Written offline.')
    await remember('Missed.')
    await rosa.ask('mutation ($id: ID!) { forgetMemory(input: { id: $id }) { __typename } }', { id: gone })
    await shows(['Written offline.', 'Gone while offline.', 'Written here.', 'Written elsewhere.', 'There before.'])
    await context.setOffline(false)
    await status('Live')
    await shows(['Written offline.', 'Missed.', 'Written here.', 'Written elsewhere.', 'There before.'])
    // The page shows what it keeps, a moment later.
    await expect.poll(async () => (await stored()).join() === (await contents()).join()).toBe(true)
  })

  test('survives a restart of the server', async () => {
    const env = {
      MNEMOGRAPH_PORT: new URL(product.url).port,
      MNEMOGRAPH_CORS_ORIGINS: new URL(address).origin,
    }
    await product.close()
    await status('Connecting …')
    await write('Written while it was away.')
    product = await startProduct({ data: join(folder, 'data'), env })
    await status('Live')
    await expect.poll(stored, { timeout: 20_000 }).toContain('Written while it was away.')
    await shows(await stored())
    expect(faults).toEqual([])
  })
})

const types: Record<string, string> = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css' }

/** The built page, on a port of its own. */
async function serve(root: string): Promise<Server> {
  const server = createServer((req, res) => {
    const path = normalize(new URL(req.url ?? '/', 'http://site').pathname)
    const file = join(root, path === '/' ? 'index.html' : path)
    if (!existsSync(file)) return void res.writeHead(404).end()
    res.writeHead(200, { 'content-type': types[extname(file)] ?? 'application/octet-stream' }).end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
