import { loadConfig } from '../../gateway/config.ts'
import { createEdge, type Edge, type EdgeConfig, type EdgeOptions } from '../../gateway/edge/http.ts'
import type { Engine } from '../../gateway/engine/types.ts'
import { CachedSessionGate, createIdentity } from '../../gateway/identity.ts'
import { LiveEngine } from '../../gateway/live-engine.ts'
import type { Viewer } from '../../lib/context.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { systemClock } from '../../lib/sources.ts'
import { type AccessTokens, createAccessTokens, loadSigningKey } from '../../lib/tokens.ts'
import { FakeEngine } from './fake-engine.ts'

export const member: Viewer = { userId: 'u1', tenantId: 't1', sessionId: 's1', role: 'MEMBER', scopes: ['read'] }

/** A small graph that shows every behaviour of the edge. */
export const sdl = /* GraphQL */ `
  type Query {
    hello(name: String): String!
    whoAmI: String
    number: Int!
    maybe: String
    hang: String
    broken: String
    coded: String
    nested: Nested
  }
  type Nested { nested: Nested  value: String }
  type Mutation { add(by: Int!): Int! }
  type Subscription { count(to: Int!): Int!  forever: Int!  failing: Int! }
`

export interface EdgeWorld extends AsyncDisposable {
  readonly edge: Edge
  readonly engine: FakeEngine
  readonly live: LiveEngine
  readonly gate: CachedSessionGate
  readonly tokens: AccessTokens
  readonly metrics: Metrics
  readonly url: string
  /** `Bearer …` of a signed-in member. */
  readonly bearer: string
  post(body: unknown, headers?: Record<string, string>): Promise<Response>
}

export interface EdgeWorldOptions {
  readonly config?: Partial<EdgeConfig>
  readonly root?: ConstructorParameters<typeof FakeEngine>[1]
  readonly edge?: Partial<EdgeOptions>
  /** Another engine in place of the fake one, which then has nothing to do. */
  readonly served?: Engine
}

/** An edge over a fake engine on a port of its own, with real tokens. */
export async function startEdge(options: EdgeWorldOptions = {}): Promise<EdgeWorld> {
  const engine = new FakeEngine(sdl, { ...defaultRoot(), ...options.root })
  const live = new LiveEngine(options.served ?? engine)
  const gate = new CachedSessionGate(async () => true, { ttlMs: 60_000 })
  const tokens = createAccessTokens(loadSigningKey(':memory:'), systemClock)
  const metrics = new Metrics()
  const { config } = loadConfig({ env: {}, cwd: '/nowhere' })
  const edge = await createEdge({
    engine: live,
    identity: createIdentity(tokens, gate, systemClock),
    config: { ...config, ...options.config },
    log: silentLog(),
    metrics,
    ...options.edge,
  })
  const { port } = await edge.listen(0, '127.0.0.1')
  const url = `http://127.0.0.1:${port}/graphql`
  const { token } = await tokens.issue(member)
  return {
    edge,
    engine,
    live,
    gate,
    tokens,
    metrics,
    url,
    bearer: `Bearer ${token}`,
    post: (body, headers = {}) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    [Symbol.asyncDispose]: () => edge.close(0),
  }
}

function defaultRoot(): ConstructorParameters<typeof FakeEngine>[1] {
  let sum = 0
  return {
    hello: ({ name }) => `hello ${name ?? 'world'}`,
    whoAmI: (_, { viewer }) => viewer?.userId ?? null,
    number: () => 42,
    maybe: () => null,
    hang: (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
    broken: () => {
      throw new Error('secret: connection string')
    },
    nested: () => ({ value: 'v' }),
    add: ({ by }) => {
      sum += by as number
      return sum
    },
    count: async function* ({ to }) {
      for (let count = 1; count <= (to as number); count += 1) yield { count }
    },
    forever: (_, { signal }) => endless(signal),
    failing: async function* () {
      yield { failing: 1 }
      throw new Error('secret: the feed broke')
    },
  }
}

/** One event, then silence until the signal. */
async function* endless(signal: AbortSignal): AsyncGenerator<{ forever: number }> {
  yield { forever: 1 }
  await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
}
