import type { Command } from 'commander'
import { backUp } from '../../stores/backup/backup.ts'
import { openObjects, openOwnerConnection } from '../../stores/open.ts'
import { interruptible, progressLine } from '../progress.ts'
import { readSettings } from '../settings.ts'

const help = `
The whole system as it is at one moment: every table, objects, and the keys of the data directory. Keys that are settings
are not in it. Whoever has the file reads everything: only its owner may, and it is best kept encrypted.
Works while the server runs and while it does not. A PostgreSQL server goes on meanwhile, and is asked as a superuser or a
role with BYPASSRLS; with the embedded database others wait. What is derived (vectors) is made again after a restore.

Exit codes: 0 done · 1 failed · 2 usage · 130 interrupted; what is not done leaves no file

Examples:
  $ npx mnemograph backup mnemograph.backup
  $ MNEMOGRAPH_DATABASE_URL=postgres://… npx mnemograph backup nightly.backup --without-keys --json`

interface BackupFlags {
  readonly data?: string
  readonly keys: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('backup')
    .description('write the whole system into a file')
    .argument('<file>', 'the file to write; one that is there is replaced when the new one is whole')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--without-keys', 'leave the keys out: keep encryption-keys and signing-key.pem elsewhere')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action((file: string, flags: Omit<BackupFlags, 'keys'> & { withoutKeys?: boolean }) =>
      run(file, { ...flags, keys: flags.withoutKeys !== true }),
    )
}

async function run(file: string, flags: BackupFlags): Promise<void> {
  const config = readSettings({ data: flags.data })
  if (config.data === ':memory:' && config.databaseUrl === undefined) {
    throw new Error('what is kept in memory alone cannot be reached from another process')
  }
  await interruptible(async (signal) => {
    const progress = progressLine(flags.json !== true)
    const started = performance.now()
    const { connection, close } = await openOwnerConnection({ ...config, mayRun: true })
    try {
      const counts = await backUp(file, {
        connection,
        objects: await openObjects(config.data),
        keysOf: flags.keys && config.data !== ':memory:' ? config.data : null,
        signal,
        onProgress: ({ rows, objects }, table) => progress.show(`${rows} rows, ${objects} objects (${table})`),
      })
      const seconds = Number(((performance.now() - started) / 1000).toFixed(2))
      progress.end()
      if (flags.json) console.log(JSON.stringify({ file, ...counts, seconds }))
      else console.log(`Wrote ${counts.rows} rows and ${counts.objects} objects to ${file} in ${seconds} s.`)
    } catch (error) {
      progress.end()
      if (!signal.aborted) throw error
      process.exitCode = 130
    } finally {
      await close()
    }
  })
}
