import './compile-cache.ts'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { ConfigError } from '../gateway/config.ts'

/** What a file in `commands/` exports. The file is named like its command. */
interface CommandModule {
  register(program: Command): void
}

const exitCodes = { failure: 1, usage: 2 } as const
const commandsFolder = join(import.meta.dirname, 'commands')

const help = `
Settings are environment variables prefixed MNEMOGRAPH_, or a .env in the checkout.

Examples:
  $ npx mnemograph start
  $ npx mnemograph gateway --supergraph supergraph.graphql --open
  $ npx mnemograph help start`

async function createProgram(argv: readonly string[]): Promise<Command> {
  const { version, description } = JSON.parse(readFileSync(join(import.meta.dirname, '../package.json'), 'utf8')) as {
    version: string
    description: string
  }
  const program = new Command('mnemograph')
    .description(description)
    .version(version)
    .showHelpAfterError('(--help says more)')
    .addHelpText('after', help)
    .exitOverride()
  for (const file of commandFiles(argv[0])) {
    const module = (await import(join(commandsFolder, file))) as CommandModule
    module.register(program)
  }
  return program
}

/** Only the file of the command that was given, so that each command loads what it needs and no more. */
function commandFiles(command: string | undefined): readonly string[] {
  if (command !== undefined && /^[a-z-]+$/.test(command) && existsSync(join(commandsFolder, `${command}.ts`))) {
    return [`${command}.ts`]
  }
  return readdirSync(commandsFolder).filter((name) => name.endsWith('.ts'))
}

/** Says what went wrong; 2 is for what the caller can mend by asking otherwise. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : exitCodes.usage
  if (error instanceof ConfigError) {
    console.error(error.message)
    return exitCodes.usage
  }
  const debugging = process.env.MNEMOGRAPH_LOG_LEVEL === 'debug' || process.env.MNEMOGRAPH_LOG_LEVEL === 'trace'
  console.error(debugging || !(error instanceof Error) ? error : `error: ${error.message}`)
  return exitCodes.failure
}

const argv = process.argv.slice(2)
try {
  const program = await createProgram(argv)
  await program.parseAsync(argv, { from: 'user' })
} catch (error) {
  process.exitCode = report(error)
}
