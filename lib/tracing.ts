import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import type { Tracer } from './trace.ts'

/** Where traces go. */
export interface TracingConfig {
  /** Where spans are posted to, with the path. */
  readonly url: string
  /** Above 0, up to 1: the share of traces that are recorded, of those that no caller has decided on. */
  readonly ratio: number
  /** The service's name, instead of the program's own. */
  readonly service: string | undefined
}

/** The tracer that the settings ask for. When they ask for none, nothing of it is loaded. */
export async function tracerFor(
  config: TracingConfig | undefined,
  service: string,
  log: Log,
  metrics: Metrics,
): Promise<Tracer | undefined> {
  if (config === undefined) return undefined
  const { openTracer } = await import('./otlp.ts')
  return openTracer({ url: config.url, ratio: config.ratio, service: config.service ?? service, log, metrics })
}
