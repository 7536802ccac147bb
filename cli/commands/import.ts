import { existsSync } from 'node:fs'
import { type Command, InvalidArgumentError, Option } from 'commander'
import { type Format, formats, readRecords } from '../import/read.ts'
import { type ImportCounts, runImport } from '../import/run.ts'
import { interruptible, progressLine } from '../progress.ts'
import { withServer } from '../with-server.ts'

const help = `
What was brought in before is recognised by its name (\`id\`, \`conversation_id\`, \`externalId\`), so a second run adds
nothing and an interrupted one goes on. Works while the server runs (through its control socket) and while it does not.

Formats:
  openai-jsonl    one conversation a line: {"id", "messages": [{"role", "content", "tool_calls", …}]}
  chatgpt-export  conversations.json of ChatGPT's data export
  jsonl           one memory a line: {"externalId", "content", "tier", "occurredAt", "metadata", …}

Exit codes: 0 all in · 1 failed · 2 usage · 3 in, but some lines were refused · 130 interrupted

Examples:
  $ npx mnemograph import conversations.jsonl --format openai-jsonl
  $ npx mnemograph import conversations.json --format chatgpt-export --user ann
  $ npx mnemograph import facts.jsonl --format jsonl --json`

interface ImportFlags {
  readonly format: Format
  readonly user: string
  readonly agent: string
  readonly data?: string
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('import')
    .description('bring conversations or memories in from a file')
    .argument('<file>', 'the file to read', existing)
    .addOption(new Option('--format <format>', 'how the file is written').choices(formats).default('openai-jsonl'))
    .option('--user <login>', 'whose they will be', 'admin')
    .option('--agent <name>', "the agent that the assistant's messages are of", 'assistant')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(file: string, flags: ImportFlags): Promise<void> {
  await interruptible(async (signal) => {
    const progress = progressLine(flags.json !== true)
    const started = performance.now()
    const counts = await withServer({ data: flags.data, user: flags.user }, async ({ client, settle }) => {
      const done = await runImport(client, readRecords(file, flags.format), {
        agent: flags.agent,
        onProgress: (now) =>
          progress.show(`${now.conversations} conversations, ${now.messages} messages, ${now.memories} memories`),
        signal,
      })
      if (!signal.aborted) await settle(progress, signal)
      return done
    })
    progress.end()
    report(counts, (performance.now() - started) / 1000, flags.json === true)
    process.exitCode = signal.aborted ? 130 : counts.refused.length > 0 ? 3 : 0
  })
}

function report(counts: ImportCounts, seconds: number, json: boolean): void {
  if (json) {
    console.log(JSON.stringify({ ...counts, seconds: Number(seconds.toFixed(2)) }))
    return
  }
  for (const { line, reason } of counts.refused) console.error(`line ${line}: ${reason}`)
  const parts = [
    `${counts.conversations} conversations`,
    `${counts.messages} messages`,
    `${counts.memories} memories`,
    `${counts.tools} tools`,
  ]
  console.log(
    `Brought in ${parts.join(', ')} in ${seconds.toFixed(1)} s; ${counts.known} were there before, ${counts.refused.length} lines were refused.`,
  )
}

function existing(file: string): string {
  if (!existsSync(file)) throw new InvalidArgumentError(`there is no file ${file}`)
  return file
}
