import type { Metrics } from '../lib/metrics.ts'
import { createHttpChannel } from './engine/channel/http.ts'
import { type BreakerState, type ChannelWatch, createResilientChannel } from './engine/channel/resilient.ts'
import type { Channel, SubgraphRequest } from './engine/types.ts'
import { subgraphHeaderRules } from './header-rules.ts'
import { type SubgraphsConfig, subgraphSettings } from './subgraph-settings.ts'

export interface ChannelsOptions {
  readonly subgraphs: SubgraphsConfig
  readonly metrics: Metrics
  /** The headers of the gateway's own that go to a subgraph at a URL. */
  headersFor(url: string): (request: SubgraphRequest, body: string) => Readonly<Record<string, string>>
}

interface Shared {
  readonly channel: Channel
  users: number
}

/**
 * The ways to all subgraphs over HTTP. Engines that follow each other share them, so that a reload of the supergraph
 * keeps connections alive and forgets no breaker; a way is closed when the last engine has let go of it.
 */
export class Channels {
  readonly #options: ChannelsOptions
  readonly #open = new Map<string, Shared>()
  readonly #breakers = new Map<string, BreakerState>()
  readonly #watch: ChannelWatch

  constructor(options: ChannelsOptions) {
    this.#options = options
    this.#watch = watchChannels(options.metrics, this.#breakers)
  }

  /** The state of each subgraph's breaker. */
  get breakers(): ReadonlyMap<string, BreakerState> {
    return this.#breakers
  }

  /** A way to a subgraph, to be closed by whoever asked for it. */
  to(name: string, url: string): Channel {
    const key = `${name} ${url}`
    const shared = this.#open.get(key) ?? { channel: this.#create(name, url), users: 0 }
    this.#open.set(key, shared)
    shared.users += 1
    let isHeld = true
    return {
      execute: (request) => shared.channel.execute(request),
      subscribe: (request) => shared.channel.subscribe(request),
      close: async () => {
        if (!isHeld) return
        isHeld = false
        shared.users -= 1
        if (shared.users > 0) return
        this.#open.delete(key)
        await shared.channel.close()
      },
    }
  }

  #create(name: string, url: string): Channel {
    const { subgraphs, headersFor } = this.#options
    const { connections, maxResponseBytes, ...policy } = subgraphSettings(subgraphs, name)
    const ruled = subgraphHeaderRules(policy)
    const own = headersFor(url)
    const channel = createHttpChannel({
      name,
      url,
      connections,
      maxResponseBytes,
      headersFor: (request, body) => ({ ...ruled(request.context.clientHeaders), ...own(request, body) }),
    })
    return createResilientChannel(name, channel, policy, this.#watch)
  }
}

const stateValues: Record<BreakerState, number> = { closed: 0, 'half-open': 1, open: 2 }

function watchChannels(metrics: Metrics, breakers: Map<string, BreakerState>): ChannelWatch {
  const retries = metrics.counter('mnemograph_subgraph_retries_total', 'Queries sent to a subgraph again.', [
    'subgraph',
  ])
  const refusals = metrics.counter(
    'mnemograph_subgraph_refused_total',
    'Requests that were not sent, because the subgraph is overloaded or its breaker is open.',
    ['subgraph', 'reason'],
  )
  const states = metrics.gauge(
    'mnemograph_subgraph_breaker_state',
    'Whether a subgraph is asked: 0 yes, 1 it is being tried, 2 it is left alone.',
    ['subgraph'],
  )
  return {
    retried: (subgraph) => retries.inc([subgraph]),
    refused: (subgraph, reason) => refusals.inc([subgraph, reason]),
    breaker(subgraph, state) {
      breakers.set(subgraph, state)
      states.set(stateValues[state], [subgraph])
    },
  }
}
