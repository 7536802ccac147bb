import { readFileSync } from 'node:fs'
import type { Log } from '../lib/log.ts'
import { Metrics } from '../lib/metrics.ts'
import { registerProcessMetrics } from '../lib/process-metrics.ts'
import type { SigningKey } from '../lib/tokens.ts'
import { tracerFor } from '../lib/tracing.ts'
import { openProcessLimits } from '../stores/open-limits.ts'
import { createCaching, type Keeping, openKeeping, supergraphHints } from './cache/caching.ts'
import { byTimeAlone } from './cache/freshness.ts'
import { Channels } from './channels.ts'
import type { Config } from './config.ts'
import { createEdge } from './edge/http.ts'
import { createEngine } from './engine/engine.ts'
import type { EngineObserver } from './engine/observer.ts'
import { schemaChanges } from './engine/schema-changes.ts'
import type { SubgraphAddress } from './engine/supergraph.ts'
import type { Engine } from './engine/types.ts'
import { engineMetrics } from './engine-metrics.ts'
import { openRates } from './guard/rates.ts'
import type { Identity } from './identity.ts'
import { LiveEngine } from './live-engine.ts'
import { subgraphHeaders } from './subgraph-headers.ts'
import { subgraphSettingName } from './subgraph-settings.ts'
import { watchFile } from './watch-file.ts'

export interface GatewayOptions {
  readonly config: Config
  readonly log: Log
  readonly identity: Identity
  /** Signs what goes to the subgraphs; null when they are not rooms of ours. */
  readonly key: SigningKey | null
  /** A supergraph's file, watched for as long as the gateway runs. */
  readonly supergraphFile: string
}

/** A gateway that listens. */
export interface RunningGateway {
  readonly url: string
  /** Stops accepting, finishes what is running, closes sockets with a code, then everything behind them. */
  close(): Promise<void>
}

/**
 * Starts the gateway alone, over a supergraph whose subgraphs answer at the URLs that it names, or at those that the
 * settings give.
 * @throws SupergraphError when the file holds no supergraph that can be served.
 */
export async function startGateway(options: GatewayOptions): Promise<RunningGateway> {
  const { config, log, identity, supergraphFile, key } = options
  const metrics = new Metrics()
  registerProcessMetrics(metrics)
  const tracer = await tracerFor(config.tracing, 'mnemograph-gateway', log, metrics)
  const channels = new Channels({
    subgraphs: config.subgraphs,
    metrics,
    headersFor: (url) => subgraphHeaders(url, key),
  })
  const observer = engineMetrics(metrics)
  const keeping = openKeeping(config.cacheBytes, metrics)
  const open = () => openEngine(options, channels, observer, keeping)
  const engine = new LiveEngine(await open())
  const reloads = metrics.counter('mnemograph_supergraph_reloads_total', 'Reloads of the supergraph.', ['outcome'])
  let reloading: Promise<void> = Promise.resolve()
  const stopWatching = watchFile(supergraphFile, () => {
    reloading = reloading.then(async () => reloads.inc([await reload(engine, supergraphFile, open, log)]))
  })
  const edge = await createEdge({
    engine,
    identity,
    config,
    log,
    metrics,
    tracer,
    breakers: channels.breakers,
    showSubgraphErrors: true,
    rates: openRates(config.rates, openProcessLimits()),
  })
  const { address, port, family } = await edge.listen(config.port, config.host)
  return {
    url: `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    async close() {
      stopWatching()
      await reloading
      await edge.close(config.shutdownGraceMs)
      await engine.close()
      await keeping?.cache.close()
      await tracer?.close()
    },
  }
}

/** An engine whose supergraph reads, and can be planned over. */
async function openEngine(
  { supergraphFile, config }: GatewayOptions,
  channels: Channels,
  observer: EngineObserver,
  keeping: Keeping | undefined,
): Promise<Engine> {
  const supergraphSdl = readFileSync(supergraphFile, 'utf8')
  const caching = createCaching(supergraphSdl, byTimeAlone, keeping)
  const hints = supergraphHints(supergraphSdl)
  const engine = createEngine({
    supergraphSdl,
    observer,
    channelFor: (subgraph) => caching.around(channels.to(subgraph.name, urlOf(subgraph, config)), hints),
  })
  try {
    await engine.loaded
    return caching.answersOf(engine)
  } catch (error) {
    await engine.close()
    throw error
  }
}

/** Where a subgraph answers: what the settings say wins over the supergraph. */
function urlOf({ name, url }: SubgraphAddress, { subgraphUrls }: Config): string {
  const settingName = subgraphSettingName(name)
  const target = subgraphUrls[settingName.toLowerCase()] ?? url
  if (!/^https?:\/\//.test(target)) {
    throw new Error(`The supergraph gives no URL for ${name}: set MNEMOGRAPH_SUBGRAPH_${settingName}_URL.`)
  }
  return target
}

/** An invalid supergraph never replaces a good one: it is logged, and the good one goes on. */
async function reload(
  engine: LiveEngine,
  file: string,
  open: () => Promise<Engine>,
  log: Log,
): Promise<'replaced' | 'unchanged' | 'refused'> {
  try {
    if (readFileSync(file, 'utf8') === engine.current.supergraphSdl) return 'unchanged'
    const next = await open()
    const { breaking } = schemaChanges(engine.current.schema, next.schema)
    engine.replace(next)
    log.info({ file }, 'Supergraph reloaded')
    if (breaking.length > 0) log.warn({ file, breaking }, 'The supergraph breaks clients of the one before it')
    return 'replaced'
  } catch (error) {
    log.error({ file, err: error }, 'Supergraph refused; the one before it goes on')
    return 'refused'
  }
}
