import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Argument, type Command } from 'commander'
import type { Config } from '../../gateway/config.ts'
import {
  encryptionKeyId,
  encryptionKeysFile,
  keepEncryptionKeys,
  readEncryptionKeys,
  rotateEncryptionKey,
} from '../../lib/field-encryption.ts'
import { jwks, loadRetiredKeys, rotateSigningKey } from '../../lib/key-ring.ts'
import { loadSigningKey } from '../../lib/tokens.ts'
import { openOwnerConnection } from '../../stores/open.ts'
import { keysInUse } from '../../stores/privacy/key-use.ts'
import { readSettings } from '../settings.ts'

const help = `
Signing: a new key signs from the next start on. Tokens that the old one signed stay good until they end, and the old key's
public half is published as long. Rooms in processes of their own take both when both stand in their setting.

Encryption: a new key encrypts from the next start on; the server then encrypts anew what is under an older one, at its start
and each hour. \`encryption\` says how much each key still encrypts; --drop-unused takes those away that encrypt nothing.
Audio that users keep is renewed by the same job, and not counted here: drop a key no sooner than an hour after.

Examples:
  $ npx mnemograph keys show
  $ npx mnemograph keys rotate --data /var/lib/mnemograph
  $ npx mnemograph keys rotate-encryption
  $ npx mnemograph keys encryption --json
  $ npx mnemograph keys encryption --drop-unused`

const actions = ['show', 'rotate', 'encryption', 'rotate-encryption'] as const

interface KeysFlags {
  readonly data?: string
  readonly dropUnused?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('keys')
    .description('show the keys that sign and encrypt, or make new ones')
    .addArgument(new Argument('<action>', 'what to do').choices(actions))
    .option('--data <directory>', 'the data directory (default: MNEMOGRAPH_DATA or .data)')
    .option('--drop-unused', 'encryption: take away keys that encrypt nothing any more')
    .option('--json', 'encryption: print the result as JSON')
    .addHelpText('after', help)
    .action(run)
}

async function run(action: (typeof actions)[number], flags: KeysFlags): Promise<void> {
  const config = readSettings({ data: flags.data })
  if (config.data === ':memory:') throw new Error('there is no data directory: keys in memory end with their process')
  switch (action) {
    case 'show': {
      const keys = [loadSigningKey(config.data, config.signingKey), ...loadRetiredKeys(config.data, config.retiredKeys)]
      console.log(JSON.stringify(jwks(keys), null, 2))
      return
    }
    case 'rotate': {
      if (config.signingKey !== undefined) throw new Error('MNEMOGRAPH_SIGNING_KEY is set: give it another key')
      const { made, retired } = rotateSigningKey(config.data, new Date())
      console.log(`The key ${made} signs from the next start on; ${retired} is trusted until its tokens have ended.`)
      return
    }
    case 'rotate-encryption':
      requireOwnKeys(config)
      console.log(`The key ${rotateEncryptionKey(config.data)} encrypts from the next start on.`)
      return
    case 'encryption':
      return showEncryption(config, flags)
  }
}

async function showEncryption(config: Config, flags: KeysFlags): Promise<void> {
  const known = keysOf(config)
  const { connection, close } = await openOwnerConnection({ ...config, mayRun: true })
  const use = await keysInUse(connection).finally(close)
  const keys = [...new Set([...known, ...use.keys()])].map((id) => ({
    id,
    newest: id === known[0],
    known: known.includes(id),
    encrypts: use.get(id) ?? {},
  }))
  const unused = keys.filter(({ id, newest }) => !newest && !use.has(id)).map(({ id }) => id)
  if (flags.dropUnused) {
    requireOwnKeys(config)
    keepEncryptionKeys(config.data, new Set(known.filter((id) => !unused.includes(id))))
  }
  if (flags.json) return console.log(JSON.stringify({ keys, dropped: flags.dropUnused ? unused : [] }))
  for (const { id, newest, known, encrypts } of keys) {
    const values = Object.entries(encrypts).map(([source, amount]) => `${amount} in ${source}`)
    const says = newest ? ' (the newest)' : known ? '' : ' (not there: what it encrypts cannot be read)'
    console.log(`${id}${says}: ${values.join(', ') || 'encrypts nothing'}`)
  }
  if (flags.dropUnused) console.log(`Took away: ${unused.join(', ') || 'none'}`)
}

/** The ids of the system's keys, the newest first. */
function keysOf({ data, encryptionKeys }: Config): string[] {
  const path = join(data, encryptionKeysFile)
  const text = encryptionKeys ?? (existsSync(path) ? readFileSync(path, 'utf8') : undefined)
  return text === undefined ? [] : readEncryptionKeys(text).map(encryptionKeyId)
}

function requireOwnKeys({ encryptionKeys }: Config): void {
  if (encryptionKeys !== undefined) throw new Error('MNEMOGRAPH_ENCRYPTION_KEYS is set: change the keys there')
}
