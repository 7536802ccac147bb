import type { TracingConfig } from '../lib/tracing.ts'

/** OpenTelemetry's own variables, by the setting that each stands in for. */
const standardNames = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'OTLP_URL',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'OTLP_TRACES_URL',
  OTEL_SERVICE_NAME: 'OTLP_SERVICE',
} as const

/** What OpenTelemetry's variables say, as settings of ours; those win over it. */
export function standardTracing(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const values: Record<string, string> = {}
  for (const [name, setting] of Object.entries(standardNames)) if (env[name]) values[setting] = env[name]
  return env.OTEL_SDK_DISABLED?.toLowerCase() === 'true' ? { TRACE_RATIO: '0' } : values
}

export interface TracingSettings {
  readonly OTLP_URL?: string | undefined
  readonly OTLP_TRACES_URL?: string | undefined
  readonly OTLP_SERVICE?: string | undefined
  readonly TRACE_RATIO: number
}

/** Undefined when nothing is to be traced. */
export function tracingOf(s: TracingSettings): TracingConfig | undefined {
  const url = s.OTLP_TRACES_URL ?? (s.OTLP_URL && withPath(s.OTLP_URL))
  return url === undefined || s.TRACE_RATIO === 0 ? undefined : { url, ratio: s.TRACE_RATIO, service: s.OTLP_SERVICE }
}

/** A collector's base takes each signal under a path of its own (OTLP specification, "OTLP/HTTP Request"). */
function withPath(base: string): string {
  return base.endsWith('/v1/traces') ? base : `${base.replace(/\/$/, '')}/v1/traces`
}
