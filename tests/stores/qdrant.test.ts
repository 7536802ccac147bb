import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeEach, expect, test } from 'vitest'
import { openQdrant } from '../../stores/vector/qdrant.ts'
import { QdrantClient } from '../../stores/vector/qdrant-client.ts'
import { cleanUpQdrant, describeQdrantDouble, qdrantSettings } from '../kit/qdrant.ts'

/** A fake server that answers with statuses; what the product asks of a real one is tried on the double. */
const asked: { method: string | undefined; path: string | undefined; headers: IncomingHttpHeaders }[] = []
let statuses: number[] = []
const server = createServer((req, res) => {
  asked.push({ method: req.method, path: req.url, headers: req.headers })
  const status = statuses.shift() ?? 200
  const body = status === 200 ? { result: {} } : { status: { error: 'no such luck' } }
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
afterAll(() => server.closeAllConnections())
afterAll(() => void server.close())
beforeEach(() => {
  asked.length = 0
  statuses = []
})

test('a request carries the key, and wants its answer uncompressed', async () => {
  const client = new QdrantClient({ url: `${url}/`, apiKey: 'very-secret' })
  await client.read('GET', '/collections')
  expect(asked).toMatchObject([{ method: 'GET', path: '/collections' }])
  expect(asked[0]?.headers).toMatchObject({ 'api-key': 'very-secret', 'accept-encoding': 'identity' })
  await client.close()
})

test('a write is tried again where it may go well, and a refusal is told without the key', async () => {
  const client = new QdrantClient({ url, apiKey: 'very-secret' })
  statuses = [503, 429]
  await client.write('PUT', '/collections/x', {})
  expect(asked).toHaveLength(3)
  statuses = [400]
  const error = await client.write('PUT', '/collections/x', {}).catch((reason: unknown) => reason)
  expect(String(error)).toBe('QdrantError: Qdrant answered 400: no such luck')
  expect(asked).toHaveLength(4)
  await client.close()
})

test('a server that keeps failing is not asked for a while', async () => {
  const client = new QdrantClient({ url })
  statuses = Array.from({ length: 9 }, () => 500)
  for (let n = 0; n < 5; n++) await expect(client.read('GET', '/collections')).rejects.toThrow('answered 500')
  await expect(client.read('GET', '/collections')).rejects.toThrow('breaker is open')
  expect(asked).toHaveLength(5)
  await client.close()
})

describeQdrantDouble('a collection', () => {
  const settings = qdrantSettings()
  cleanUpQdrant(settings)
  const ask = async (path: string) => {
    const answer = await fetch(`${settings.url}${path}`, { headers: { 'accept-encoding': 'identity' } })
    return ((await answer.json()) as { result: unknown }).result
  }

  test('is made as it should be, and known by the common name of what is searched now', async () => {
    const aliases = async () => {
      const { aliases } = (await ask('/aliases')) as { aliases: { alias_name: string; collection_name: string }[] }
      return new Map(aliases.map(({ alias_name, collection_name }) => [alias_name, collection_name]))
    }
    const first = openQdrant(settings, { model: 'small@8', dimensions: 8 })
    const second = openQdrant(settings, { model: 'large@16', dimensions: 16 })
    await first.activate()
    const alias = `${settings.prefix}voice_patterns`
    const before = (await aliases()).get(alias)
    expect(before).toMatch(new RegExp(`^${alias}__small-8-[0-9a-f]{8}$`))
    expect(await ask(`/collections/${alias}`)).toMatchObject({
      config: {
        params: { vectors: { size: 8, distance: 'Cosine' } },
        hnsw_config: { m: 16, ef_construct: 100 },
        quantization_config: { scalar: { type: 'int8' } },
        payload_schema: { shelf: { type: 'uuid', is_tenant: true }, owner: 'uuid', item: 'uuid', version: 'integer' },
      },
    })
    await second.activate()
    await second.activate()
    expect((await aliases()).get(alias)).toMatch(/__large-16-/)
    await first.drop()
    const { collections } = (await ask('/collections')) as { collections: { name: string }[] }
    const names = collections.map(({ name }) => name).filter((name) => name.startsWith(settings.prefix ?? ''))
    expect(names).toHaveLength(4)
    for (const name of names) expect(name).toMatch(/__large-16-/)
    await first.close()
    await second.close()
  })
})
