import { Argument, type Command } from 'commander'
import { type Config, ConfigError } from '../../gateway/config.ts'
import { loadFieldCipher, noFieldCipher } from '../../lib/field-encryption.ts'
import { isPrivateAddress } from '../../lib/http/private-address.ts'
import { loadRetiredKeys, trustedKeys } from '../../lib/key-ring.ts'
import { createLog } from '../../lib/log.ts'
import { loadSigningKey } from '../../lib/tokens.ts'
import { openRoomProcess, type RoomProcessOptions } from '../../subgraphs/room-process.ts'
import { loadRooms, roomNames } from '../../subgraphs/rooms.ts'
import type { Room } from '../../subgraphs/subgraph.ts'
import { readSettings, type SettingFlags } from '../settings.ts'
import { untilStopped } from '../until-stopped.ts'

const help = `
A room answers only what its gateway has signed. It checks that with MNEMOGRAPH_GATEWAY_PUBLIC_KEY, or with the signing
key (MNEMOGRAPH_SIGNING_KEY, or the one in the data directory); users needs the signing key, since it issues tokens.
Several public keys may stand in the one setting: give a room the next one before the gateway changes to it.
Start the gateway with MNEMOGRAPH_SUBGRAPH_<ROOM>_URL for each room that is served so, and with the same signing key
and database. The public key is told by: openssl pkey -in .data/signing-key.pem -pubout

Examples:
  $ export MNEMOGRAPH_DATABASE_URL=postgres://mnemograph:secret@localhost/mnemograph
  $ npx mnemograph serve memory --port 4001
  $ MNEMOGRAPH_SUBGRAPH_MEMORY_URL=http://127.0.0.1:4001/graphql npx mnemograph start`

export function register(program: Command): void {
  program
    .command('serve')
    .description('start one room as a service, for a gateway in another process')
    .addArgument(new Argument('<room>', 'which one').choices(roomNames()))
    .option('--port <port>', 'the port to listen on (default: MNEMOGRAPH_PORT or 4000)')
    .option('--host <host>', 'the address to listen on (default: MNEMOGRAPH_HOST or 127.0.0.1)')
    .option('--data <directory>', 'where the signing key is kept (default: MNEMOGRAPH_DATA or .data)')
    .addHelpText('after', help)
    .action(run)
}

async function run(name: string, flags: SettingFlags): Promise<void> {
  const config = readSettings(flags)
  const { databaseUrl } = config
  if (databaseUrl === undefined) {
    throw new ConfigError([
      'MNEMOGRAPH_DATABASE_URL must be set: the embedded database is of one process, so rooms share a PostgreSQL server',
    ])
  }
  const rooms = await loadRooms()
  const room = rooms.find((candidate) => candidate.name === name) as Room<unknown>
  const process = await openRoomProcess({
    room,
    rooms,
    databaseUrl,
    redisUrl: config.redisUrl,
    embeddings: config.embeddings,
    ...keysOf(room, config),
    data: room.keepsFiles ? config.data : ':memory:',
    fields: room.issuesTokens || room.keepsFiles ? loadFieldCipher(config.data, config.encryptionKeys) : noFieldCipher,
    relyingParty: config.relyingParty,
    tenancy: config.tenancy,
    recall: config.recall,
    analyses: config.analyses,
    providers: config.providers,
    log: createLog(config.logLevel),
    tracing: config.tracing,
    onMigration: (step) => (step.state === 'started' ? console.error(`Migrating: ${step.name}`) : undefined),
  })
  try {
    const { address, port, family } = await process.listen(config.port, config.host)
    // Whoever reads that it is ready may ask it to stop at once.
    const stopped = untilStopped()
    if (!isPrivateAddress(address))
      console.error(
        `warning: ${address} may be reached from everywhere, and this room speaks plain HTTP: let --host be an address of your own network`,
      )
    console.log(`Room ${name} is ready at http://${family === 'IPv6' ? `[${address}]` : address}:${port}/graphql`)
    for (const notice of process.notices) console.log(`  ${notice}`)
    await stopped
    console.log('Stopping …')
  } finally {
    await process.close(config.shutdownGraceMs)
  }
}

/**
 * The key that the room knows its gateway by, and others that it takes as well. Where public keys are enough, the private
 * one is not even read.
 */
function keysOf(room: Room<unknown>, config: Config): Pick<RoomProcessOptions, 'key' | 'otherKeys'> {
  if (config.gatewayPublicKey !== undefined && room.issuesTokens !== true) {
    const [key, ...otherKeys] = trustedKeys(config.gatewayPublicKey)
    if (key === undefined) throw new ConfigError(['MNEMOGRAPH_GATEWAY_PUBLIC_KEY must hold a key'])
    return { key, otherKeys }
  }
  const key = loadSigningKey(config.data, config.signingKey)
  return { key, otherKeys: loadRetiredKeys(config.data, config.retiredKeys) }
}
