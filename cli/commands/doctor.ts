import type { Command } from 'commander'
import { withServer } from '../with-server.ts'

const help = `
Looks at every store and at what keeps them in step. With --security it also proves that what protects the system is in
place: policies, roles, triggers, the audit's chain, encryption, tokens, and that a stranger sees nothing. Works while the
server runs and while it does not.

Exit codes: 0 all is well · 1 something is not · 2 usage

Examples:
  $ npx mnemograph doctor
  $ npx mnemograph doctor --security --json`

interface DoctorFlags {
  readonly security?: boolean
  readonly user: string
  readonly data?: string
  readonly json?: boolean
}

interface Check {
  readonly name: string
  readonly healthy: boolean
  readonly detail: string
  readonly tookMs: number
}

interface Health {
  readonly healthy: boolean
  readonly checks: readonly Check[]
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('check every store and say what is wrong')
    .option('--security', 'prove that what protects the system works')
    .option('--user <login>', 'the admin in whose name it is checked', 'admin')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(flags: DoctorFlags): Promise<void> {
  const health = await look(flags)
  if (flags.json) console.log(JSON.stringify(health))
  else for (const check of health.checks) console.log(lineOf(check))
  process.exitCode = health.healthy ? 0 : 1
}

/** A system that cannot even be opened is told of like any other trouble. */
async function look({ security = false, user, data }: DoctorFlags): Promise<Health> {
  try {
    return await withServer({ data, user }, async ({ client }) => {
      const { systemHealth } = await client.execute<{ systemHealth: Health }>(
        'query ($security: Boolean!) { systemHealth(security: $security) { healthy checks { name healthy detail tookMs } } }',
        { security },
      )
      return systemHealth
    })
  } catch (error) {
    return { healthy: false, checks: [{ name: 'start', healthy: false, detail: (error as Error).message, tookMs: 0 }] }
  }
}

function lineOf({ name, healthy, detail, tookMs }: Check): string {
  return `${healthy ? 'ok  ' : 'BAD '} ${name.padEnd(20)} ${detail} (${tookMs.toFixed(0)} ms)`
}
