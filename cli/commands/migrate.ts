import { Argument, type Command, InvalidArgumentError } from 'commander'
import { type MigrationStatus, type MigrationStep, migrate, migrationStatus } from '../../stores/postgres/migrate.ts'
import { withDatabase } from '../with-database.ts'

const help = `
Works on MNEMOGRAPH_DATABASE_URL, or on the embedded database of the data directory while no server uses it.

Examples:
  $ npx mnemograph migrate status
  $ npx mnemograph migrate up --dry-run
  $ npx mnemograph migrate down --to 4`

interface MigrateFlags {
  readonly to?: number
  readonly dryRun?: boolean
  readonly data?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('migrate')
    .description('bring the database to a version of its schema')
    .addArgument(new Argument('<action>', 'what to do').choices(['up', 'down', 'status']))
    .option('--to <number>', 'up: the last migration to apply; down: the one to go back to', wholeNumber)
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(action: 'up' | 'down' | 'status', flags: MigrateFlags): Promise<void> {
  await withDatabase(flags.data, async (connection) => {
    if (action === 'status') return show(await migrationStatus(connection), statusLine, flags.json)
    const steps = await migrate(connection, {
      direction: action,
      ...(flags.to === undefined ? {} : { to: flags.to }),
      dryRun: flags.dryRun === true,
      onProgress: (step) => (step.state === 'started' && !flags.json ? console.error(stepLine(step)) : undefined),
    })
    show(steps, stepLine, flags.json)
    if (steps.length === 0 && !flags.json) console.log('Nothing to do.')
  })
}

function show<T>(rows: readonly T[], line: (row: T) => string, json: boolean | undefined): void {
  if (json) console.log(JSON.stringify(rows))
  else for (const row of rows) console.log(line(row))
}

function statusLine({ id, name, state, appliedAt }: MigrationStatus): string {
  const since = appliedAt === null ? '' : ` since ${appliedAt.toISOString()}`
  return `${number(id)} ${name}: ${state}${since}`
}

function stepLine({ id, name, direction, state, durationMs }: MigrationStep): string {
  return `${number(id)} ${name}: ${direction} ${state}${state === 'done' ? ` in ${Math.round(durationMs)} ms` : ''}`
}

function number(id: number): string {
  return String(id).padStart(4, '0')
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('must be a whole number')
  return Number(text)
}
