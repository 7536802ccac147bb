import { Argument, type Command } from 'commander'
import { openServer, type Server } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { interruptible, type Progress, progressLine } from '../progress.ts'
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
    .option('--json', 'print progress and the result as JSON, a line each')
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
    const watch = watchVectors(server, flags.json === true, progress)
    const seconds: Record<string, number> = {}
    try {
      for (const name of chosen) {
        const started = performance.now()
        watch.begin(name)
        progress.show(`rebuilding ${name} …`)
        await server.projectors.rebuild(projectors[name], signal)
        seconds[name] = Number(((performance.now() - started) / 1000).toFixed(2))
      }
    } finally {
      watch.end()
      progress.end()
      await server.close()
    }
    if (flags.json) console.log(JSON.stringify({ seconds }))
    else for (const [name, took] of Object.entries(seconds)) console.log(`Rebuilt ${name} in ${took} s.`)
  })
}

const lookMs = 500

/** Tells how far the indexes of vectors are while they are made, a line of JSON whenever that has changed. */
function watchVectors({ stores }: Server, json: boolean, progress: Progress) {
  let rebuilding: Projection | undefined
  let told = ''
  const look = async () => {
    const indexes = (await stores.embeddings.status()).map(({ name, state, done, total }) => ({
      name,
      state,
      done,
      total,
    }))
    const line = JSON.stringify({ progress: { vectors: indexes } })
    if (json && line !== told) console.log(line)
    told = line
    progress.show(
      `rebuilding vectors: ${indexes.map(({ name, done, total }) => `${name} ${done} of ${total}`).join(', ')} …`,
    )
  }
  let looking = false
  const timer = setInterval(() => {
    // A look takes longer the more there is: it never waits behind another.
    if (rebuilding !== 'vectors' || looking) return
    looking = true
    // What it shows is of no consequence, so that it is not seen does no harm.
    void look()
      .catch(() => {})
      .finally(() => {
        looking = false
      })
  }, lookMs)
  return {
    begin(name: Projection) {
      rebuilding = name
    },
    end() {
      clearInterval(timer)
    },
  }
}
