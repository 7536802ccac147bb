import { randomUUID } from 'node:crypto'
import { afterAll, describe, test } from 'vitest'
import type { QdrantSettings } from '../../stores/vector/qdrant-client.ts'

/** The double's address: Qdrant's engine behind the calls that the product sends (tools/stores/qdrant-double). */
export const qdrantUrl = process.env.MNEMOGRAPH_TEST_QDRANT_URL ?? ''

/** Collections of one suite's own, removed at its end. */
export function qdrantSettings(more: Partial<QdrantSettings> = {}): QdrantSettings {
  return { url: qdrantUrl, prefix: `test_${randomUUID().slice(0, 8)}_`, ...more }
}

/** The suite on the double of Qdrant. Where it is not there it is named, or fails when stores are required. */
export function describeQdrantDouble(title: string, suite: () => void): void {
  const name = `${title} on the double of Qdrant`
  if (qdrantUrl !== '') {
    describe(name, suite)
    return
  }
  const required = process.env.MNEMOGRAPH_REQUIRE_STORES === '1'
  test.skipIf(!required)(`${name} (set MNEMOGRAPH_TEST_QDRANT_URL, or run \`node tools/stores.ts run …\`)`, () => {
    throw new Error('the double of Qdrant is required')
  })
}

/** Removes the suite's collections when it ends. */
export function cleanUpQdrant({ url, prefix = '' }: QdrantSettings): void {
  const headers = { 'accept-encoding': 'identity' }
  afterAll(async () => {
    const answer = await fetch(`${url}/collections`, { headers })
    const { result } = (await answer.json()) as { result: { collections: { name: string }[] } }
    for (const { name } of result.collections.filter((collection) => collection.name.startsWith(prefix))) {
      await fetch(`${url}/collections/${encodeURIComponent(name)}`, { method: 'DELETE', headers })
    }
  })
}
