import { Argument, type Command } from 'commander'
import { openServer } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { interruptible, progressLine } from '../progress.ts'
import { readSettings } from '../settings.ts'

const help = `
Derived data (vectors, concepts) is removed and made again from the log of events. Nothing that was written is touched.
Stop the server first when the database is the embedded one; with a PostgreSQL server it may go on.

Examples:
  $ npx mnemograph reindex
  $ npx mnemograph reindex vectors`

/** What the command calls a projection, and the projector that makes it. */
const projectors = { vectors: 'vectors', graph: 'concepts' } as const
type Projection = keyof typeof projectors

export function register(program: Command): void {
  program
    .command('reindex')
    .description('rebuild what is derived from the log of events')
    .addArgument(new Argument('[projection]', 'which one (default: all)').choices(Object.keys(projectors)))
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(projection: Projection | undefined, flags: { data?: string; json?: boolean }): Promise<void> {
  const chosen = projection === undefined ? (Object.keys(projectors) as Projection[]) : [projection]
  await interruptible(async (signal) => {
    const server = await openServer({
      // Whichever process runs a projector rebuilds it; this one stands by for those that nobody runs.
      config: { ...readSettings({ data: flags.data }), subgraphUrls: {} },
      log: createLog('warn'),
      listen: false,
    })
    const progress = progressLine(flags.json !== true)
    const seconds: Record<string, number> = {}
    try {
      for (const name of chosen) {
        const started = performance.now()
        progress.show(`rebuilding ${name} …`)
        await server.projectors.rebuild(projectors[name], signal)
        seconds[name] = Number(((performance.now() - started) / 1000).toFixed(2))
      }
    } finally {
      progress.end()
      await server.close()
    }
    if (flags.json) console.log(JSON.stringify({ seconds }))
    else for (const [name, took] of Object.entries(seconds)) console.log(`Rebuilt ${name} in ${took} s.`)
  })
}
