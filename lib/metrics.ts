/** Label values in the order of the metric's label names. */
type LabelValues = readonly string[]

interface Metric {
  render(): string
}

export interface Counter {
  inc(labels?: LabelValues, by?: number): void
  /** Forgets a series, so that what comes and goes does not pile up. */
  remove(labels: LabelValues): void
}

export interface Gauge {
  set(value: number, labels?: LabelValues): void
  add(by: number, labels?: LabelValues): void
}

export interface Histogram {
  observe(value: number, labels?: LabelValues): void
}

/** Seconds; from a cached answer to a slow import. */
const defaultBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/**
 * Metrics in Prometheus' text format 0.0.4. A name is registered once; label values come from closed sets (codes,
 * routes, stores), never from what a client sends, so that memory stays bounded.
 */
export class Metrics {
  readonly #metrics = new Map<string, Metric>()

  counter(name: string, help: string, labelNames: readonly string[] = []): Counter {
    const series = new Series(name, help, 'counter', labelNames)
    this.#register(name, series)
    return { inc: (labels = [], by = 1) => series.add(by, labels), remove: (labels) => series.remove(labels) }
  }

  gauge(name: string, help: string, labelNames: readonly string[] = []): Gauge {
    const series = new Series(name, help, 'gauge', labelNames)
    this.#register(name, series)
    return { set: (value, labels = []) => series.set(value, labels), add: (by, labels = []) => series.add(by, labels) }
  }

  /** A gauge whose value is asked for when the metrics are read. */
  observe(name: string, help: string, read: () => number, type: 'gauge' | 'counter' = 'gauge'): void {
    this.#register(name, { render: () => `${head(name, help, type)}${name} ${read()}\n` })
  }

  histogram(name: string, help: string, labelNames: readonly string[] = [], buckets = defaultBuckets): Histogram {
    const histogram = new Buckets(name, help, labelNames, buckets)
    this.#register(name, histogram)
    return { observe: (value, labels = []) => histogram.observe(value, labels) }
  }

  text(): string {
    return [...this.#metrics.values()].map((metric) => metric.render()).join('')
  }

  #register(name: string, metric: Metric): void {
    if (this.#metrics.has(name)) throw new Error(`metric ${name} is registered twice`)
    this.#metrics.set(name, metric)
  }
}

/** Between label values in the key of a series; no label holds it. */
const separator = '\0'

class Series implements Metric {
  readonly #name: string
  readonly #head: string
  readonly #labelNames: readonly string[]
  readonly #values = new Map<string, number>()

  constructor(name: string, help: string, type: 'counter' | 'gauge', labelNames: readonly string[]) {
    this.#name = name
    this.#head = head(name, help, type)
    this.#labelNames = labelNames
    if (labelNames.length === 0) this.#values.set('', 0)
  }

  add(by: number, labels: LabelValues): void {
    const key = labels.join(separator)
    this.#values.set(key, (this.#values.get(key) ?? 0) + by)
  }

  set(value: number, labels: LabelValues): void {
    this.#values.set(labels.join(separator), value)
  }

  remove(labels: LabelValues): void {
    this.#values.delete(labels.join(separator))
  }

  render(): string {
    const lines = [...this.#values].map(
      ([key, value]) => `${this.#name}${braced(labelText(this.#labelNames, key.split(separator)))} ${value}\n`,
    )
    return this.#head + lines.join('')
  }
}

class Buckets implements Metric {
  readonly #name: string
  readonly #head: string
  readonly #labelNames: readonly string[]
  readonly #bounds: readonly number[]
  readonly #series = new Map<string, { counts: number[]; sum: number; count: number }>()

  constructor(name: string, help: string, labelNames: readonly string[], bounds: readonly number[]) {
    this.#name = name
    this.#head = head(name, help, 'histogram')
    this.#labelNames = labelNames
    this.#bounds = bounds
  }

  observe(value: number, labels: LabelValues): void {
    const key = labels.join(separator)
    let series = this.#series.get(key)
    if (series === undefined) {
      series = { counts: this.#bounds.map(() => 0), sum: 0, count: 0 }
      this.#series.set(key, series)
    }
    const bucket = this.#bounds.findIndex((bound) => value <= bound)
    if (bucket >= 0) series.counts[bucket] = (series.counts[bucket] ?? 0) + 1
    series.sum += value
    series.count += 1
  }

  render(): string {
    let text = this.#head
    for (const [key, { counts, sum, count }] of this.#series) {
      const labels = labelText(this.#labelNames, key.split(separator))
      let below = 0
      for (const [index, bound] of this.#bounds.entries()) {
        below += counts[index] ?? 0
        text += `${this.#name}_bucket${braced(joined(labels, `le="${bound}"`))} ${below}\n`
      }
      text += `${this.#name}_bucket${braced(joined(labels, 'le="+Inf"'))} ${count}\n`
      text += `${this.#name}_sum${braced(labels)} ${sum}\n${this.#name}_count${braced(labels)} ${count}\n`
    }
    return text
  }
}

function head(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`
}

function labelText(names: readonly string[], values: LabelValues): string {
  return names.map((name, index) => `${name}="${escapeLabel(values[index] ?? '')}"`).join(',')
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function joined(labels: string, more: string): string {
  return labels === '' ? more : `${labels},${more}`
}

function braced(labels: string): string {
  return labels === '' ? '' : `{${labels}}`
}
