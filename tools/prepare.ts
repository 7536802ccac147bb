import { spawnSync } from 'node:child_process'
import { rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'

// Makes what the server needs and the checkout does not hold. `npm ci` runs it; `npm start` then builds nothing.

const root = join(import.meta.dirname, '..')
const steps = [
  ['the Prisma client', 'tools/generate-prisma.ts'],
  ['the word vectors', 'tools/word-vectors.ts'],
  ['the data template', 'tools/build-template.ts'],
  ['the explorer', 'node_modules/vite/bin/vite.js', 'build', '--config', 'gateway/explorer/vite.config.ts'],
  ['the compiled sources', 'tools/warm-up.ts'],
] as const

for (const [what, script, ...args] of steps) {
  const started = performance.now()
  const { status } = spawnSync(process.execPath, [join(root, script), ...args], { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    console.error(`Making ${what} failed.`)
    process.exit(1)
  }
  console.log(`Made ${what} in ${((performance.now() - started) / 1000).toFixed(1)} s`)
}

// npm links the bins of dependencies, not the package's own: npx would install the checkout into its cache first.
const link = join(root, 'node_modules/.bin/mnemograph')
rmSync(link, { force: true })
symlinkSync('../../cli/bin.js', link)
