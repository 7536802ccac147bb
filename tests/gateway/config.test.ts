import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../gateway/config.ts'
import { subgraphSettings } from '../../gateway/subgraph-settings.ts'

const folder = mkdtempSync(join(tmpdir(), 'config-'))
afterAll(() => rmSync(folder, { recursive: true }))

const load = (env: Record<string, string>, overrides: Record<string, string | undefined> = {}) =>
  loadConfig({ env, cwd: '/nowhere', overrides })

function mistakesOf(env: Record<string, string>): readonly string[] {
  try {
    load(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.mistakes
    throw error
  }
  return []
}

describe('the settings', () => {
  test('have defaults for all, and cannot be changed afterwards', () => {
    const { config, warnings } = load({})
    expect(config).toMatchObject({ port: 4000, host: '127.0.0.1', data: '/nowhere/.data', introspection: 'signed-in' })
    expect(warnings).toEqual([])
    expect(() => Object.assign(config.limits, { depth: 1 })).toThrow(TypeError)
  })

  test('report every mistake at once', () => {
    const mistakes = mistakesOf({
      MNEMOGRAPH_PORT: '70000',
      MNEMOGRAPH_LOG_LEVEL: 'loud',
      MNEMOGRAPH_ACCESS_LOG_LEVEL: 'quiet',
      MNEMOGRAPH_DATABASE_URL: 'mysql://x',
      MNEMOGRAPH_MAX_DEPTH: 'deep',
      MNEMOGRAPH_PROXIES: '-1',
      MNEMOGRAPH_PASSKEY_ORIGINS: 'example.com',
      MNEMOGRAPH_TENANCY: 'some',
      MNEMOGRAPH_SUBGRAPH_MEMORY_URL: 'nowhere',
      MNEMOGRAPH_CORS_ORIGINS: 'https://a.example/path',
    })
    expect(mistakes).toEqual([
      'MNEMOGRAPH_PORT must be at most 65535',
      'MNEMOGRAPH_TENANCY must be single or multiple',
      expect.stringMatching(/^MNEMOGRAPH_PASSKEY_ORIGINS must be a comma-separated list of origins/),
      'MNEMOGRAPH_DATABASE_URL must be a URL that begins with postgres:// or postgresql://',
      expect.stringMatching(/^MNEMOGRAPH_LOG_LEVEL must be one of fatal, /),
      expect.stringMatching(/^MNEMOGRAPH_ACCESS_LOG_LEVEL must be one of fatal, /),
      expect.stringMatching(/^MNEMOGRAPH_CORS_ORIGINS must be \* or /),
      'MNEMOGRAPH_PROXIES must be a whole number',
      'MNEMOGRAPH_MAX_DEPTH must be a whole number',
      'MNEMOGRAPH_SUBGRAPH_MEMORY_URL must be a URL that begins with http:// or https://',
    ])
  })

  test('bound what is open and how far back it can be resumed', () => {
    const { config } = load({ MNEMOGRAPH_MAX_CONNECTIONS_PER_USER: '3', MNEMOGRAPH_LOG_RETENTION_DAYS: '7' })
    expect(config).toMatchObject({ connections: { perUser: 3, perAddress: 5000 }, logRetentionDays: 7 })
    expect(mistakesOf({ MNEMOGRAPH_MAX_CONNECTIONS_PER_ADDRESS: '0', MNEMOGRAPH_LOG_RETENTION_DAYS: 'ever' })).toEqual([
      'MNEMOGRAPH_MAX_CONNECTIONS_PER_ADDRESS must be at least 1',
      'MNEMOGRAPH_LOG_RETENTION_DAYS must be a whole number',
    ])
  })

  test('turn the fast lane and the sharing of queries off', () => {
    expect(load({}).config).toMatchObject({ fastLane: true, dedup: true })
    const off = load({ MNEMOGRAPH_FAST_LANE: 'false', MNEMOGRAPH_DEDUP: 'false' })
    expect(off.config).toMatchObject({ fastLane: false, dedup: false })
    expect(mistakesOf({ MNEMOGRAPH_FAST_LANE: 'on' })).toEqual(['MNEMOGRAPH_FAST_LANE must be true or false'])
  })

  test('ask for a manifest where nothing but trusted documents may run', () => {
    expect(mistakesOf({ MNEMOGRAPH_TRUSTED_DOCUMENTS_ONLY: 'yes' })).toEqual([
      'MNEMOGRAPH_TRUSTED_DOCUMENTS_ONLY must be true or false',
    ])
    expect(mistakesOf({ MNEMOGRAPH_TRUSTED_DOCUMENTS_ONLY: 'true' })).toEqual([
      expect.stringMatching(/^MNEMOGRAPH_TRUSTED_DOCUMENTS_ONLY needs MNEMOGRAPH_TRUSTED_DOCUMENTS/),
    ])
    const { config } = load({ MNEMOGRAPH_TRUSTED_DOCUMENTS: 'm.json', MNEMOGRAPH_TRUSTED_DOCUMENTS_ONLY: 'true' })
    expect(config).toMatchObject({ trustedDocuments: '/nowhere/m.json', trustedDocumentsOnly: true })
  })

  test.each([
    ['summaries', 'SUMMARY_', 'MODEL', 'small-1'],
    ['contextEngine', 'CONTEXT_ENGINE_', 'VERSION', 'topics-2'],
    ['transcripts', 'TRANSCRIPT_', 'MODEL', 'ears-1'],
  ] as const)('name a provider of %s by its address and what answers there together', (provider, of, name, value) => {
    const address = 'http://127.0.0.1:9/v1'
    const set = (settings: Record<string, string>) =>
      Object.fromEntries(Object.entries(settings).map(([key, text]) => [`MNEMOGRAPH_${of}${key}`, text]))
    expect(load({}).config.providers[provider]).toBeUndefined()
    expect(mistakesOf(set({ URL: address }))).toEqual([expect.stringMatching(/go together/)])
    expect(mistakesOf(set({ [name]: value }))).toEqual([expect.stringMatching(/go together/)])
    const { config } = load(set({ URL: address, [name]: value, KEY: 'k' }))
    expect(config.providers[provider]).toEqual({ url: address, [name.toLowerCase()]: value, key: 'k' })
    const secretive = mistakesOf(set({ URL: 'http://user:hunter2@host', [name]: value }))
    expect(secretive).toEqual([expect.stringMatching(/URL must hold no user or password/)])
    expect(secretive.join()).not.toContain('hunter2')
  })

  test('keep the name of the offline engine for it alone', () => {
    const set = { MNEMOGRAPH_CONTEXT_ENGINE_URL: 'http://engine', MNEMOGRAPH_CONTEXT_ENGINE_VERSION: 'offline-1' }
    expect(mistakesOf(set)).toEqual([expect.stringMatching(/CONTEXT_ENGINE_VERSION must be/)])
  })

  test('never show a value that is wrong: it may be a secret', () => {
    expect(mistakesOf({ MNEMOGRAPH_DATABASE_URL: 'mysql://user:hunter2@x' }).join()).not.toContain('hunter2')
  })

  test('say where traces go: their own names before OpenTelemetry’s', () => {
    const tracing = (env: Record<string, string>) => load(env).config.tracing
    expect(tracing({})).toBeUndefined()
    const base = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318/', OTEL_SERVICE_NAME: 'graph' }
    expect(tracing(base)).toEqual({ url: 'http://collector:4318/v1/traces', ratio: 1, service: 'graph' })
    const exact = { ...base, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://else/where' }
    expect(tracing(exact)?.url).toBe('https://else/where')
    const own = { ...base, MNEMOGRAPH_OTLP_URL: 'http://own:1', MNEMOGRAPH_TRACE_RATIO: '0.25' }
    expect(tracing(own)).toEqual({ url: 'http://own:1/v1/traces', ratio: 0.25, service: 'graph' })
    expect(tracing({ ...base, MNEMOGRAPH_TRACE_RATIO: '0' })).toBeUndefined()
    expect(tracing({ ...base, OTEL_SDK_DISABLED: 'true' })).toBeUndefined()
    for (const ratio of ['1.5', '-1', 'half']) {
      expect(mistakesOf({ MNEMOGRAPH_TRACE_RATIO: ratio })).toEqual([
        'MNEMOGRAPH_TRACE_RATIO must be a number from 0 to 1',
      ])
    }
  })

  test('warn of what is unknown', () => {
    expect(load({ MNEMOGRAPH_PROT: '1', OTHER_PROT: '1' }).warnings).toEqual(['MNEMOGRAPH_PROT is not a setting'])
  })

  test('say how long and of how many contents analyses are kept', () => {
    expect(load({}).config.analyses).toEqual({ hours: 24, perOwner: 10_000 })
    const set = { MNEMOGRAPH_CONTEXT_CACHE_HOURS: '2', MNEMOGRAPH_CONTEXT_CACHE_ENTRIES: '50' }
    expect(load(set).config.analyses).toEqual({ hours: 2, perOwner: 50 })
    expect(mistakesOf({ MNEMOGRAPH_CONTEXT_CACHE_HOURS: '0' })).toEqual([
      'MNEMOGRAPH_CONTEXT_CACHE_HOURS must be at least 1',
    ])
  })

  test('say of one that nothing uses yet that it is not used, without what it holds', () => {
    const { config, warnings } = load({ MNEMOGRAPH_NEO4J_URL: 'bolt://reader:secret@graph:7687' })
    expect(warnings).toEqual(['MNEMOGRAPH_NEO4J_URL is not used yet: the graph of concepts is kept in PostgreSQL'])
    expect(JSON.stringify(config)).not.toContain('secret')
    expect(mistakesOf({ MNEMOGRAPH_NEO4J_URL: 'mysql://graph' })).toEqual([
      expect.stringMatching(/^MNEMOGRAPH_NEO4J_URL must be a URL that begins with bolt:/),
    ])
  })

  test('ignore what an orchestrator injects', () => {
    const { config, warnings } = load({
      MNEMOGRAPH_PORT: 'tcp://10.0.0.1:4000',
      MNEMOGRAPH_PORT_4000_TCP: 'tcp://10.0.0.1:4000',
      MNEMOGRAPH_PORT_4000_TCP_ADDR: '10.0.0.1',
      MNEMOGRAPH_PORT_4000_TCP_PORT: '4000',
      MNEMOGRAPH_PORT_4000_TCP_PROTO: 'tcp',
      MNEMOGRAPH_SERVICE_HOST: '10.0.0.1',
      MNEMOGRAPH_SERVICE_PORT: '4000',
      MNEMOGRAPH_SERVICE_PORT_HTTP: '4000',
      MNEMOGRAPH_REDIS_SERVICE_HOST: '10.0.0.2',
      MNEMOGRAPH_REDIS_PORT: 'tcp://10.0.0.2:6379',
    })
    expect(config.port).toBe(4000)
    expect(warnings).toEqual([])
  })

  test('come from flags before the environment before .env', () => {
    writeFileSync(join(folder, '.env'), 'MNEMOGRAPH_PORT=1\nMNEMOGRAPH_HOST=h1\nMNEMOGRAPH_DATA=d1\n')
    const { config } = loadConfig({
      env: { MNEMOGRAPH_PORT: '2', MNEMOGRAPH_HOST: 'h2' },
      cwd: folder,
      overrides: { PORT: '3', HOST: undefined },
    })
    expect(config).toMatchObject({ port: 3, host: 'h2', data: join(folder, 'd1') })
  })

  test('name subgraphs in small letters', () => {
    const { config } = load({ MNEMOGRAPH_SUBGRAPH_MEMORY_URL: 'http://memory:4001/graphql' })
    expect(config.subgraphUrls).toEqual({ memory: 'http://memory:4001/graphql' })
  })

  test('say of all subgraphs how they are asked, and of one what differs', () => {
    const { config, warnings } = load({
      MNEMOGRAPH_SUBGRAPH_TIMEOUT_MS: '2000',
      MNEMOGRAPH_SUBGRAPH_CONNECTIONS: '32',
      MNEMOGRAPH_SUBGRAPH_MY_SHOP_TIMEOUT_MS: '500',
      MNEMOGRAPH_SUBGRAPH_MY_SHOP_CONNECTIONS: '8',
    })
    expect(warnings).toEqual([])
    const all = { timeoutMs: 2000, retries: 2, connections: 32, concurrency: 32, queue: 1000, breakerPercent: 50 }
    expect(subgraphSettings(config.subgraphs, 'other')).toMatchObject(all)
    expect(subgraphSettings(config.subgraphs, 'my-shop')).toMatchObject({
      ...all,
      timeoutMs: 500,
      connections: 8,
      concurrency: 8,
    })
    expect(mistakesOf({ MNEMOGRAPH_SUBGRAPH_RETRIES: '11', MNEMOGRAPH_SUBGRAPH_SHOP_QUEUE: 'long' })).toEqual([
      'MNEMOGRAPH_SUBGRAPH_RETRIES must be at most 10',
      'MNEMOGRAPH_SUBGRAPH_SHOP_QUEUE must be a whole number',
    ])
  })
})
