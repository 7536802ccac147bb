import { spawn } from 'node:child_process'
import type { Store } from './stores/place.ts'
import { postgres16, postgres18 } from './stores/postgres.ts'
import { qdrantDouble } from './stores/qdrant.ts'
import { redis } from './stores/redis.ts'

/**
 * Real servers for the tests.
 *   node tools/stores.ts start       starts what can be started, prints `export` lines for a shell to read
 *   node tools/stores.ts stop        stops them and deletes their data
 *   node tools/stores.ts run CMD…    starts them, runs the command with their addresses, stops them
 * What is missing is named; with MNEMOGRAPH_REQUIRE_STORES=1 it fails the command.
 */
const stores: readonly Store[] = [postgres18, postgres16, redis, qdrantDouble]

const SHARED = 'shared'

/** The addresses of the servers it started. */
async function start(label: string): Promise<Record<string, string>> {
  const env: Record<string, string> = {}
  for (const store of stores.filter(({ variable }) => !process.env[variable])) {
    const result = await store.start(label)
    if ('url' in result) env[store.variable] = result.url
    else leaveOut(result.missing)
  }
  return env
}

function leaveOut(what: string): void {
  console.error(`left out: ${what}`)
  if (process.env.MNEMOGRAPH_REQUIRE_STORES === '1') process.exitCode = 1
}

function stop(label: string): void {
  for (const store of stores.filter(({ variable }) => label === SHARED || !process.env[variable])) {
    try {
      store.stop(label)
    } catch (error) {
      console.error(`could not stop ${store.name}: ${(error as Error).message}`)
    }
  }
}

async function run([program, ...args]: string[]): Promise<void> {
  if (!program) throw new Error('run what?')
  const label = `run-${process.pid}`
  const env = await start(label)
  // An interrupt reaches the command too; we outlive it to stop the servers.
  process.on('SIGINT', () => {})
  const child = spawn(program, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  const code = await new Promise<number>((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', (code) => resolve(code ?? 1))
  })
  stop(label)
  process.exitCode ||= code
}

const [command, ...rest] = process.argv.slice(2)
if (command === 'start') {
  const env = await start(SHARED)
  for (const [name, value] of Object.entries(env)) console.log(`export ${name}='${value}'`)
} else if (command === 'stop') stop(SHARED)
else if (command === 'run') await run(rest)
else {
  console.error('usage: node tools/stores.ts start | stop | run COMMAND…')
  process.exitCode = 2
}
