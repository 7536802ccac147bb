import { Argument, type Command } from 'commander'
import { loadConfig } from '../../gateway/config.ts'
import { jwks, loadRetiredKeys, rotateSigningKey } from '../../lib/key-ring.ts'
import { loadSigningKey } from '../../lib/tokens.ts'

const help = `
A new key signs from the next start on. Tokens that the old one signed stay good until they end, and the old key's public
half is published as long.

Examples:
  $ npx mnemograph keys show
  $ npx mnemograph keys rotate --data /var/lib/mnemograph`

export function register(program: Command): void {
  program
    .command('keys')
    .description('show the keys that tokens are verified with, or make a new one')
    .addArgument(new Argument('<action>', 'what to do').choices(['show', 'rotate']))
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .addHelpText('after', help)
    .action(run)
}

function run(action: 'show' | 'rotate', flags: { readonly data?: string }): void {
  const { config } = loadConfig({ overrides: { DATA: flags.data } })
  if (config.data === ':memory:') throw new Error('there is no data directory: keys in memory end with their process')
  if (action === 'show') {
    const keys = [loadSigningKey(config.data, config.signingKey), ...loadRetiredKeys(config.data, config.retiredKeys)]
    console.log(JSON.stringify(jwks(keys), null, 2))
    return
  }
  if (config.signingKey !== undefined) throw new Error('MNEMOGRAPH_SIGNING_KEY is set: give it another key')
  const { made, retired } = rotateSigningKey(config.data, new Date())
  console.log(`The key ${made} signs from the next start on; ${retired} is trusted until its tokens have ended.`)
}
