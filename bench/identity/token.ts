import { CachedSessionGate, createIdentity } from '../../gateway/identity.ts'
import { createFieldCipher } from '../../lib/field-encryption.ts'
import { silentLog } from '../../lib/log.ts'
import { createSigner } from '../../lib/signer.ts'
import { systemClock } from '../../lib/sources.ts'
import { createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { openStores } from '../../stores/open.ts'
import { isSessionLive } from '../../subgraphs/users/identity.ts'
import { printTable, quantile } from '../table.ts'

// What it costs to know who asks: `node bench/identity/token.ts`. A token's signature is verified once and remembered;
// whether its session, or the service's token, still holds is asked of the database every five seconds.

const rounds = 2000
const key = loadSigningKey(':memory:')
const tokens = createAccessTokens(key, systemClock)
const stores = await openStores({
  data: ':memory:',
  tokens,
  fields: createFieldCipher([Buffer.alloc(32, 1)]),
  signer: createSigner(key),
  logger: silentLog(),
})
const viewer = {
  userId: stores.ids.next(),
  tenantId: stores.ids.next(),
  sessionId: stores.ids.next(),
  role: 'SERVICE',
  scopes: ['memory:read'],
} as const
const all = await Promise.all(
  Array.from({ length: rounds }, () => tokens.issue({ ...viewer, sessionId: stores.ids.next() })),
)
const live = new CachedSessionGate(async () => true, { ttlMs: 60_000 })
const asking = new CachedSessionGate(
  async (sessionId) => {
    await isSessionLive(stores, sessionId)
    return true
  },
  { ttlMs: 60_000 },
)

/** The embedded database is compiled while it is first used: what that takes is told apart. */
const warmUps: number[] = []
for (let index = 0; index < 500; index++) {
  const start = performance.now()
  await isSessionLive(stores, stores.ids.next())
  warmUps.push(performance.now() - start)
}

async function measure(what: string, gate: CachedSessionGate, warm: boolean) {
  const identity = createIdentity(tokens, gate, systemClock)
  const samples: number[] = []
  for (const pass of warm ? [false, true] : [true]) {
    for (const { token } of all) {
      const start = performance.now()
      await identity.identify(`Bearer ${token}`)
      if (pass) samples.push(performance.now() - start)
    }
  }
  return row(what, samples)
}

function row(what: string, samples: number[]) {
  const ms = (share: number) => `${quantile(samples, share).toFixed(3)} ms`
  return { what, median: ms(0.5), 'of 100, the slowest but one': ms(0.99) }
}

printTable('To know who asks (asked for: under 2 ms)', [
  await measure('a token that is seen again', live, true),
  await measure('a new token: its signature', live, false),
  await measure('a new token: its signature, and its session in the embedded database', asking, false),
  row('the first 500 look-ups of sessions after the database has started', warmUps),
])
await stores.close()
