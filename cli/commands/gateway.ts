import { resolve } from 'node:path'
import type { Command } from 'commander'
import { createIdentity, type Identity, openIdentity } from '../../gateway/identity.ts'
import { startGateway } from '../../gateway/main.ts'
import { createLog } from '../../lib/log.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey, type SigningKey } from '../../lib/tokens.ts'
import { readSettings, type SettingFlags } from '../settings.ts'
import { untilStopped } from '../until-stopped.ts'

const help = `
Serves /graphql (HTTP, WebSocket, server-sent events), /health/ready and /metrics. The subgraphs are asked at the URLs
that the supergraph names, or at MNEMOGRAPH_SUBGRAPH_<NAME>_URL. The file is read again whenever it changes; one that
is not valid never replaces one that is.

Examples:
  $ npx mnemograph gateway --supergraph supergraph.graphql --open
  $ npx mnemograph gateway --supergraph schema/supergraph.graphql --port 8080`

interface GatewayFlags extends SettingFlags {
  readonly supergraph: string
  readonly open?: boolean
}

export function register(program: Command): void {
  program
    .command('gateway')
    .description('start the gateway alone, over any Federation 2 supergraph')
    .requiredOption('--supergraph <file>', 'the supergraph to serve')
    .option('--port <port>', 'the port to listen on (default: MNEMOGRAPH_PORT or 4000)')
    .option('--host <host>', 'the address to listen on (default: MNEMOGRAPH_HOST or 127.0.0.1)')
    .option('--data <directory>', 'where the key of access tokens is kept (default: MNEMOGRAPH_DATA or .data)')
    .option('--open', 'ask for no token, and let everyone read the schema')
    .addHelpText('after', help)
    .action(run)
}

async function run(flags: GatewayFlags): Promise<void> {
  const settings = readSettings(flags)
  const log = createLog(settings.logLevel)
  const config = flags.open === true ? { ...settings, introspection: 'open' as const } : settings
  const key = flags.open === true ? null : loadSigningKey(settings.data, settings.signingKey)
  const identity = key === null ? openIdentity : tokenIdentity(key)
  const gateway = await startGateway({ config, log, identity, key, supergraphFile: resolve(flags.supergraph) })
  // Whoever reads that it is ready may ask it to stop at once.
  const stopped = untilStopped()
  console.log(`Gateway is ready at ${gateway.url}/graphql`)
  await stopped
  console.log('Stopping …')
  await gateway.close()
}

/**
 * Tokens signed by the key of the data directory. The gateway alone sees no sign-in sessions, so a token is good until
 * it expires.
 */
function tokenIdentity(key: SigningKey): Identity {
  const tokens = createAccessTokens(key, systemClock)
  return createIdentity(
    tokens,
    { isLive: async () => true, onRevoked: () => () => {}, ended: async () => [] },
    systemClock,
  )
}
