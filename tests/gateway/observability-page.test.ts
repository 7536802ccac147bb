import { readFileSync } from 'node:fs'
import { buildSchema } from 'graphql'
import { beforeAll, describe, expect, test } from 'vitest'
import { CacheHints } from '../../lib/cache-hints.ts'
import { createExecutor } from '../../lib/execution/executor.ts'
import { silentLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { systemClock, systemIds } from '../../lib/sources.ts'
import { loadSigningKey } from '../../lib/tokens.ts'
import { createRoomService } from '../../subgraphs/serve.ts'
import { startGatewayWorld } from '../kit/gateway.ts'
import { startProduct } from '../kit/product.ts'

const page = readFileSync(new URL('../../docs/observability.md', import.meta.url), 'utf8')
const documented = new Map<string, string>()
for (const [, names = '', labels = ''] of page.matchAll(/^\| (`\w+`(?:, `\w+`)*) \|([^|]*)\|[^|]*\|$/gm)) {
  for (const [, name = ''] of names.matchAll(/`(\w+)`/g)) if (/^[a-z]/.test(name)) documented.set(name, labels)
}

describe('the table of metrics in docs/observability.md', () => {
  const told = new Set<string>()
  const labelled = new Map<string, Set<string>>()

  function read(text: string): void {
    for (const [, name = ''] of text.matchAll(/^# TYPE (\w+) /gm)) told.add(name)
    for (const [, series = '', labels = ''] of text.matchAll(/^(\w+)\{(.*)\} \S+$/gm)) {
      const name = series.replace(/_(bucket|sum|count)$/, '')
      const known = labelled.get(name) ?? new Set()
      for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) if (label !== 'le') known.add(label)
      labelled.set(name, known)
    }
  }

  /** What a room adds to the metrics of its process; nothing is asked of it. */
  function metricsOfRoom(): string {
    const metrics = new Metrics()
    const schema = buildSchema('type Query { a: Int }')
    createRoomService({
      room: 'one',
      executor: createExecutor({ schema, contextFor: () => ({}) }),
      hints: new CacheHints(schema),
      keys: [loadSigningKey(':memory:')],
      readiness: [],
      clock: systemClock,
      ids: systemIds,
      log: silentLog(),
      metrics,
    })
    return metrics.text()
  }

  beforeAll(async () => {
    const client = { 'apollographql-client-name': 'test' }
    const env = { MNEMOGRAPH_OTLP_URL: 'http://127.0.0.1:9', MNEMOGRAPH_CACHE_BYTES: '1000000' }
    await using gateway = await startGatewayWorld({ one: { sdl: 'type Query { a: Int }' } }, { env })
    await gateway.ask('{ a nothing }', { headers: client })
    await gateway.ask('{ a }', { headers: client })
    read(await gateway.metrics())
    read(metricsOfRoom())
    await using product = await startProduct()
    await (await product.join()).ask('{ viewer { username } }')
    read(await (await fetch(new URL('/metrics', product.url))).text())
  }, 60_000)

  test('has a row for every metric there is, and for none that is not', () => {
    expect([...documented.keys()].sort(), 'docs/observability.md').toEqual([...told].sort())
  })

  test('names the labels of each', () => {
    for (const [name, labels] of labelled) {
      const named = [...(documented.get(name) ?? '').matchAll(/`(\w+)`/g)].map(([, label]) => label)
      expect(named, name).toEqual([...labels])
    }
  })
})
