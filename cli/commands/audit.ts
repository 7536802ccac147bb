import { Argument, type Command } from 'commander'
import { withServer } from '../with-server.ts'

const help = `
Checks that every entry of the audit is as it was sealed: none changed, removed, added or moved. What retention has dropped
and what erasing has made unreadable is no fault. Works while the server runs and while it does not.

Keep the head that is printed somewhere else, and give it again with --head: it proves that the chain was not cut off.

Exit codes: 0 nothing is wrong · 1 something is · 2 usage

Examples:
  $ npx mnemograph audit verify
  $ npx mnemograph audit verify --head 3f9c… --json`

interface AuditFlags {
  readonly head?: string
  readonly user: string
  readonly data?: string
  readonly json?: boolean
}

interface Verification {
  readonly valid: boolean
  readonly seals: number
  readonly entries: number
  readonly unsealed: number
  readonly head: string
  readonly problems: readonly string[]
}

export function register(program: Command): void {
  program
    .command('audit')
    .description('check the audit')
    .addArgument(new Argument('<action>', 'what to do').choices(['verify']))
    .option('--head <hash>', 'a head that was printed earlier')
    .option('--user <login>', 'the admin in whose name it is checked', 'admin')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(_: string, flags: AuditFlags): Promise<void> {
  const found = await withServer({ data: flags.data, user: flags.user }, async ({ client }) => {
    const { auditVerification } = await client.execute<{ auditVerification: Verification }>(
      `query ($head: String) { auditVerification(head: $head) { valid seals entries unsealed head problems } }`,
      { head: flags.head ?? null },
    )
    return auditVerification
  })
  if (flags.json) console.log(JSON.stringify(found))
  else {
    for (const problem of found.problems) console.error(problem)
    const { seals, entries, unsealed, head } = found
    const verdict = found.valid ? 'Nothing was changed' : 'The audit was changed'
    console.log(`${verdict}: ${seals} links vouch for ${entries} entries, ${unsealed} wait to be sealed. Head: ${head}`)
  }
  process.exitCode = found.valid ? 0 : 1
}
