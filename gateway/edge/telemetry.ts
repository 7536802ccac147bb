import type { GraphQLFormattedError } from 'graphql'
import { LRUCache } from 'lru-cache'
import { type Call, type Client, cutShort } from '../../lib/call.ts'
import { codeOf } from '../../lib/errors.ts'
import type { Log, LogLevel } from '../../lib/log.ts'
import type { Metrics } from '../../lib/metrics.ts'
import type { SpanAttributes } from '../../lib/trace.ts'
import type { Answer } from './errors.ts'
import type { AdmittedOperation } from './operations.ts'

/** How an operation ended. */
export type Outcome = 'ok' | 'error' | 'cancelled' | 'deadline_exceeded'

/** Clients that have a series of their own; beyond it the one that was silent longest loses its. */
const countedClients = 100
const longestName = 128
const costBuckets = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000]

/** What the edge tells of its operations: metrics, and a line in the log for each when its level is on. */
export class EdgeTelemetry {
  readonly #seconds
  readonly #running
  readonly #errors
  readonly #lanes
  readonly #costs
  readonly #byClient
  readonly #clients
  readonly #log: ((line: object) => void) | undefined

  constructor(metrics: Metrics, log: Log, level: LogLevel) {
    this.#seconds = metrics.histogram('mnemograph_operation_seconds', 'Time to answer an operation.', [
      'kind',
      'lane',
      'outcome',
    ])
    this.#running = metrics.gauge('mnemograph_operations_in_flight', 'Queries and mutations that are being answered.')
    this.#errors = metrics.counter('mnemograph_errors_total', 'Top-level errors in answers, by code.', ['code'])
    this.#lanes = metrics.counter('mnemograph_http_operations_total', 'Operations over HTTP, by the way they went.', [
      'lane',
    ])
    this.#costs = metrics.histogram('mnemograph_operation_cost', 'What operations may cost.', [], costBuckets)
    const byClient = metrics.counter(
      'mnemograph_client_operations_total',
      `Operations by the client that sent them; the last ${countedClients} clients are kept.`,
      ['client', 'version'],
    )
    this.#byClient = byClient
    this.#clients = new LRUCache<string, readonly [string, string]>({
      max: countedClients,
      dispose: (labels, _key, reason) => reason === 'evict' && byClient.remove(labels),
    })
    this.#log = level !== 'silent' && log.isLevelEnabled(level) ? (line) => log[level](line, 'Operation') : undefined
  }

  estimated(cost: number): void {
    this.#costs.observe(cost)
  }

  wentBy(lane: string): void {
    this.#lanes.inc([lane])
  }

  began(call: Call): void {
    this.#running.add(1)
    if (call.client !== undefined) this.#count(call.client)
  }

  ended(admitted: AdmittedOperation, answer: Answer, call: Call, seconds: number): void {
    this.#running.add(-1)
    const kind = admitted.operation?.operation ?? 'query'
    const outcome = outcomeOf(answer, call)
    this.#seconds.observe(seconds, [kind, call.lane, outcome])
    this.#countErrors(answer.errors)
    if (call.context.span?.recording) call.context.span.set(attributesOf(outcome, answer))
    this.#log?.({ ...lineOf(admitted, call), outcome, ms: Math.round(seconds * 1e5) / 100, ...codesOf(answer.errors) })
  }

  /** A subscription is told of when it opens: it lasts as long as its reader. */
  opened(admitted: AdmittedOperation, call: Call): void {
    if (call.client !== undefined) this.#count(call.client)
    this.#log?.({ ...lineOf(admitted, call), outcome: 'opened' })
  }

  /** An operation that was refused before it ran. */
  refused(errors: readonly GraphQLFormattedError[], traceId: string): void {
    this.#countErrors(errors)
    this.#log?.({ traceId, outcome: 'refused', ...codesOf(errors) })
  }

  #countErrors(errors: readonly GraphQLFormattedError[]): void {
    for (const error of errors) this.#errors.inc([codeOf(error) ?? 'OTHER'])
  }

  #count({ name, version }: Client): void {
    const key = `${name} ${version}`
    let labels = this.#clients.get(key)
    if (labels === undefined) {
      labels = [name, version]
      this.#clients.set(key, labels)
    }
    this.#byClient.inc(labels)
  }
}

function outcomeOf(answer: Answer, { context: { signal } }: Call): Outcome {
  return cutShort(signal) ?? (answer.errors.length > 0 ? 'error' : 'ok')
}

/** Never the variables, nor the operation's text: they may hold what is private. */
function lineOf({ operation, viewer }: AdmittedOperation, { client, lane, context }: Call): object {
  return {
    traceId: context.traceId,
    kind: operation?.operation,
    operation: operation?.name?.value.slice(0, longestName),
    lane,
    ...(viewer === null ? {} : { user: viewer.userId }),
    ...(client === undefined ? {} : { client: client.name, clientVersion: client.version }),
  }
}

/** The codes as OpenTelemetry names what went wrong; the first one stands for all. */
function attributesOf(outcome: Outcome, { errors: [first] }: Answer): SpanAttributes {
  const attributes = { 'mnemograph.outcome': outcome }
  return first === undefined ? attributes : { ...attributes, 'error.type': codeOf(first) ?? 'OTHER' }
}

function codesOf(errors: readonly GraphQLFormattedError[]): { codes?: readonly string[] } {
  if (errors.length === 0) return {}
  return { codes: [...new Set(errors.map((error) => codeOf(error) ?? 'OTHER'))] }
}
