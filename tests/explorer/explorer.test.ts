import { existsSync } from 'node:fs'
import { generate } from 'otplib'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Person, type Product, startProduct } from '../kit/product.ts'

const executablePath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)
const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'

describe.skipIf(executablePath === undefined && !required)(
  'the explorer in a real Chromium (apt-get install chromium)',
  () => {
    let product: Product
    let rosa: Person
    let browser: Browser
    let page: Page
    const origins = new Set<string>()
    const faults: string[] = []

    beforeAll(async () => {
      product = await startProduct()
      rosa = await product.join('rosa')
      browser = await chromium.launch({
        executablePath: executablePath ?? '/usr/bin/chromium',
        args: [
          '--no-sandbox',
          '--disable-gpu',
          '--disable-quic',
          '--no-first-run',
          '--disable-background-networking',
          '--disable-component-update',
          '--disable-sync',
        ],
      })
      page = await browser.newPage()
      page.on('request', (request) => {
        if (!/^(data|blob):/.test(request.url())) origins.add(new URL(request.url()).origin)
      })
      page.on('pageerror', (error) => faults.push(error.message))
      await page.goto(`${product.server.url}/explorer/`)
    })
    afterAll(async () => {
      await browser?.close()
      await product.close()
    })

    const signIn = async (password: string) => {
      await page.fill('input[name=login]', 'rosa')
      await page.fill('input[name=password]', password)
      await page.click('button[type=submit]')
    }

    test('a wrong password says so, the right one opens the editor', async () => {
      await signIn('wrong')
      await page.getByRole('alert').waitFor()
      await signIn('rosa-secret')
      await page.getByRole('tab', { name: 'WhatIsRemembered' }).waitFor()
    })

    test('whoever has set one-time passwords up is asked for one', async () => {
      const olga = await product.join('olga')
      const enroll = 'mutation { enrollTotp { ... on EnrollTotpSuccess { secret } } }'
      const { secret } = (await olga.ask(enroll)).enrollTotp
      const confirm = `mutation ($input: ConfirmTotpInput!) {
        confirmTotp(input: $input) { ... on ConfirmTotpSuccess { backupCodes } } }`
      const { backupCodes } = (await olga.ask(confirm, { input: { code: await generate({ secret }) } })).confirmTotp
      const other = await (await browser.newContext()).newPage()
      await other.goto(`${product.server.url}/explorer/`)
      await other.fill('input[name=login]', 'olga')
      await other.fill('input[name=password]', 'olga-secret')
      await other.click('button[type=submit]')
      await other.fill('input[name=totp]', backupCodes[0])
      await other.click('button[type=submit]')
      await other.getByRole('tab', { name: 'WhatIsRemembered' }).waitFor()
      await other.close()
    })

    test('the subscription tab shows a memory as it is written', async () => {
      const tab = page.getByRole('tab', { name: 'Live' })
      const execute = page.getByRole('button', { name: /execute query/i })
      const opened = page.locator('.graphiql-query-editor').getByText('memoryChanges').first()
      const shown = page.locator('.result-window').getByText('seen-from-the-page').first()
      let isShown = false
      // What is said twice in the same words is one memory, and told once.
      for (let n = 0; !isShown; n++) {
        // A page that is still loading may lose a click, and the editor gets a tab's text later than the tab is chosen.
        if (!(await opened.isVisible())) await tab.click()
        else if (await execute.isVisible()) await execute.click()
        // The page says that it runs before its socket is open, so one is written now and then until one is shown; a
        // flood of them would keep the page from showing any.
        await rosa.ask(`mutation { remember(input: { content: "seen-from-the-page ${n}" }) { __typename } }`)
        isShown = await shown.waitFor({ timeout: 1500 }).then(
          () => true,
          () => false,
        )
      }
    }, 120_000)

    test('nothing came from another origin and nothing failed', () => {
      expect([...origins]).toEqual([product.server.url])
      expect(faults).toEqual([])
    })
  },
)
