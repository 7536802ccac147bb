import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../../gateway/config.ts'
import { openServer } from '../../gateway/server.ts'
import { createLog } from '../../lib/log.ts'
import { takeUpKey } from '../../stores/backup/keys.ts'
import { examine, type Restored, restore } from '../../stores/backup/restore.ts'
import { openObjects, openOwnerConnection } from '../../stores/open.ts'
import { ledgerFile, readLedger } from '../../stores/privacy/ledger.ts'
import { openRequests, runOpenRequests } from '../../stores/privacy/worker.ts'
import { interruptible, type Progress, progressLine } from '../progress.ts'
import { readSettings } from '../settings.ts'

const help = `
Into a database that holds no users yet, with every process that is connected to it stopped; --replace gives up what is
there. All of it or nothing: the file is read through first, and an interrupted restore leaves the database as it was.
A new epoch of the log begins: clients that follow it read anew.

Whoever was erased after the backup was made is erased again. Who that is, is read from the database that is replaced, from
erasures.jsonl of the data directory, and from --erasures: keep that file beside your backups.

Exit codes: 0 done · 1 failed · 2 usage · 130 interrupted

Examples:
  $ npx mnemograph restore mnemograph.backup --data /var/lib/mnemograph
  $ npx mnemograph restore mnemograph.backup --replace
  $ npx mnemograph restore mnemograph.backup --data new --erasures old/erasures.jsonl --json`

interface RestoreFlags {
  readonly data?: string
  readonly replace?: boolean
  readonly erasures?: string
  readonly json?: boolean
}

const lookMs = 250

export function register(program: Command): void {
  program
    .command('restore')
    .description('bring the whole system back from a file')
    .argument('<file>', 'what `backup` wrote', existing)
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--replace', 'give up what is in the database')
    .option('--erasures <file>', 'a further list of who was erased', existing)
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(file: string, flags: RestoreFlags): Promise<void> {
  const config = readSettings({ data: flags.data })
  if (config.data === ':memory:')
    throw new Error('a restore needs a data directory: what is in memory ends with this command')
  await interruptible(async (signal) => {
    const progress = progressLine(flags.json !== true)
    const started = performance.now()
    try {
      const restored = await bringBack(file, { config, flags, progress, signal })
      if (restored.erasing > 0) await eraseAgain({ config, progress, signal })
      progress.end()
      report(restored, Number(((performance.now() - started) / 1000).toFixed(2)), flags.json === true)
    } catch (error) {
      progress.end()
      if (!signal.aborted) throw error
      process.exitCode = 130
    }
  })
}

interface Run {
  readonly config: Config
  readonly flags: RestoreFlags
  readonly progress: Progress
  readonly signal: AbortSignal
}

async function bringBack(file: string, { config, flags, progress, signal }: Run): Promise<Restored> {
  progress.show('reading the backup …')
  const header = await examine(file, signal)
  const { connection, close } = await openOwnerConnection(config)
  try {
    return await restore(file, header, {
      connection,
      objects: await openObjects(config.data),
      replace: flags.replace === true,
      gone: [ledgerFile(config.data), ...(flags.erasures ? [flags.erasures] : [])].flatMap(readLedger),
      onKey: (key) => takeUpKey(config.data, key),
      signal,
      onProgress: ({ rows, objects }, what) => progress.show(`${rows} rows, ${objects} objects (${what})`),
    })
  } finally {
    await close()
  }
}

/** Does what the restore has asked for. Interrupted, whichever process starts next goes on with it. */
async function eraseAgain({ config, progress, signal }: Omit<Run, 'flags'>): Promise<void> {
  const whole = { ...config, subgraphUrls: {} }
  const server = await openServer({ config: whole, log: createLog('warn'), listen: false })
  try {
    for (let open = await openRequests(server.stores); open > 0; open = await openRequests(server.stores)) {
      signal.throwIfAborted()
      progress.show(`erasing ${open} users again …`)
      await server.projectors.caughtUp(signal)
      await runOpenRequests(server.stores)
      await new Promise((resolve) => setTimeout(resolve, lookMs))
    }
  } finally {
    await server.close()
  }
}

function report({ rows, objects, at, erasing }: Restored, seconds: number, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ rows, objects, at, erasedAgain: erasing, seconds }))
    return
  }
  console.log(`Restored ${rows} rows and ${objects} objects, as they were at ${at}, in ${seconds} s.`)
  if (erasing > 0) console.log(`${erasing} users who were erased since are erased again.`)
}

function existing(file: string): string {
  if (!existsSync(file)) throw new InvalidArgumentError(`there is no file ${file}`)
  return file
}
