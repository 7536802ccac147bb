import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import { progressLine } from '../progress.ts'
import { withServer } from '../with-server.ts'

const help = `
Each line of the file is a JSON object: {"table": …, "row": …}, or {"object": …, "base64": …}. Nothing in it signs anybody in.
Works while the server runs (through its control socket) and while it does not.

Examples:
  $ npx mnemograph export ann.jsonl --user ann
  $ npx mnemograph export everything.jsonl --user admin --json`

interface ExportFlags {
  readonly user: string
  readonly data?: string
  readonly json?: boolean
}

interface Request {
  readonly id: string
  readonly state: string
  readonly parts: number
}

const ask = `mutation ($input: RequestPrivacyActionInput!) { requestPrivacyAction(input: $input) {
  ... on RequestPrivacyActionSuccess { request { id state parts } } ... on Problem { message } } }`
const look = 'query ($id: ID!) { privacyRequest(id: $id) { id state parts } }'
const read = 'query ($id: ID!, $part: Int!) { privacyRequest(id: $id) { lines(part: $part) } }'
const lookMs = 500

export function register(program: Command): void {
  program
    .command('export')
    .description("write all of a user's data to a file, as JSON Lines")
    .argument('<file>', 'the file to write; one that is there is replaced')
    .requiredOption('--user <login>', 'whose data')
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--json', 'print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(file: string, flags: ExportFlags): Promise<void> {
  const progress = progressLine(flags.json !== true)
  const lines = await withServer({ data: flags.data, user: flags.user }, async ({ client }) => {
    const { requestPrivacyAction: asked } = await client.execute<{
      requestPrivacyAction: { request?: Request; message?: string }
    }>(ask, { input: { action: 'EXPORT' } })
    if (!asked.request) throw new Error(asked.message ?? 'the export was refused')
    let request = asked.request
    while (request.state === 'PENDING' || request.state === 'RUNNING') {
      progress.show('gathering …')
      await new Promise((resolve) => setTimeout(resolve, lookMs))
      request = (await client.execute<{ privacyRequest: Request }>(look, { id: request.id })).privacyRequest
    }
    if (request.state !== 'COMPLETED') throw new Error('the export failed; the log says why')
    return write(file, request, async (part) => {
      const { privacyRequest } = await client.execute<{ privacyRequest: { lines: unknown[] } }>(read, {
        id: request.id,
        part,
      })
      progress.show(`part ${part} of ${request.parts}`)
      return privacyRequest.lines
    })
  })
  progress.end()
  console.log(flags.json ? JSON.stringify({ file, lines }) : `Wrote ${lines} lines to ${file}.`)
}

async function write(file: string, { parts }: Request, partOf: (part: number) => Promise<unknown[]>): Promise<number> {
  let lines = 0
  const handle = await open(file, 'w', 0o600)
  try {
    for (let part = 1; part <= parts; part++) {
      const records = await partOf(part)
      lines += records.length
      await handle.write(records.map((record) => `${JSON.stringify(record)}\n`).join(''))
    }
  } finally {
    await handle.close()
  }
  return lines
}
