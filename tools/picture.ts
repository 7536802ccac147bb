import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { tellDemo } from '../cli/demo/tell.ts'
import { loadConfig } from '../gateway/config.ts'
import { openServer } from '../gateway/server.ts'
import { silentLog } from '../lib/log.ts'

// Takes the README's picture of the explorer, over the demo's story: node tools/picture.ts

const { config } = loadConfig({ env: { MNEMOGRAPH_DATA: ':memory:', MNEMOGRAPH_PORT: '0' }, cwd: '/nowhere' })
const server = await openServer({ config, log: silentLog(), listen: true })
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
})
try {
  await tellDemo(server)
  const page = await browser.newPage({ viewport: { width: 1280, height: 760 } })
  await page.goto(`${server.url}/explorer/`)
  await page.fill('input[name=login]', 'demo')
  await page.fill('input[name=password]', 'lighthouse')
  await page.click('button[type=submit]')
  await page.getByRole('button', { name: /execute query/i }).click()
  await page.locator('.result-window .view-line').nth(20).waitFor()
  await page.screenshot({ path: join(import.meta.dirname, '../docs/explorer.png') })
} finally {
  await browser.close()
  await server.close()
}
