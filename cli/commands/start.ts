import type { Command } from 'commander'
import { openServer, type Server } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { readSettings, type SettingFlags } from '../settings.ts'
import { untilStopped } from '../until-stopped.ts'

const help = `
Without MNEMOGRAPH_DATABASE_URL everything runs in this process and lives in the data directory.

Examples:
  $ npx mnemograph start
  $ npx mnemograph start --port 8080 --data ./team-memory
  $ npx mnemograph start --data :memory: --demo`

interface StartFlags extends SettingFlags {
  readonly demo?: boolean
}

export function register(program: Command): void {
  program
    .command('start')
    .description('start Mnemograph in one process')
    .option('--port <port>', 'the port to listen on (default: MNEMOGRAPH_PORT or 4000)')
    .option('--host <host>', 'the address to listen on (default: MNEMOGRAPH_HOST or 127.0.0.1)')
    .option('--data <directory>', 'the data directory, or :memory: to keep nothing (default: MNEMOGRAPH_DATA or .data)')
    .option('--demo', 'fill it with a small story to look at')
    .addHelpText('after', help)
    .action(run)
}

async function run(flags: StartFlags): Promise<void> {
  const started = performance.now()
  const config = readSettings(flags)
  const server = await openServer({
    config,
    log: createLog(config.logLevel),
    listen: true,
    onMigration: ({ name, state }) => (state === 'started' ? console.error(`Migrating: ${name}`) : undefined),
  })
  try {
    const notices = [...server.notices]
    if (flags.demo) {
      const { tellDemo } = await import('../demo/tell.ts')
      notices.push(...(await tellDemo(server)))
    }
    // Whoever reads that it is ready may ask it to stop at once.
    const stopped = untilStopped()
    announce(server, config.databaseUrl !== undefined, config.data, notices, performance.now() - started)
    await stopped
    console.log('Stopping …')
  } finally {
    await server.close()
  }
}

function announce(server: Server, external: boolean, data: string, notices: readonly string[], took: number): void {
  const where = data === ':memory:' ? 'nothing is kept' : data
  console.log(`Mnemograph is ready at ${server.url} after ${(took / 1000).toFixed(1)} s`)
  for (const notice of notices) console.log(`  ${notice}`)
  console.log(`  GraphQL    ${server.url}/graphql  (HTTP, WebSocket, server-sent events)`)
  console.log(`  Explorer   ${server.url}/explorer`)
  console.log(`  Health     ${server.url}/health/ready   Metrics  ${server.url}/metrics`)
  console.log(`  Database   ${external ? 'PostgreSQL, as MNEMOGRAPH_DATABASE_URL says' : `embedded (${where})`}`)
  console.log('  Vectors    embedded   Graph  embedded   Cache  embedded')
}
