import { serverAudits } from 'graphql-http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type EdgeWorld, startEdge } from '../kit/edge.ts'

let world: EdgeWorld

beforeAll(async () => {
  world = await startEdge()
})
afterAll(() => world[Symbol.asyncDispose]())

describe("graphql-http's audit of GraphQL over HTTP", () => {
  const audits = serverAudits({ url: () => world.url, fetchFn: fetch })

  test('has the 61 audits that the count in the documentation speaks of', () => {
    expect(audits).toHaveLength(61)
  })

  // Each runs twice: what the first run finds valid takes the fast lane in the second.
  for (const lane of ['first sight', 'repeated']) {
    for (const audit of audits) {
      test(`${lane}: ${audit.id} ${audit.name}`, async () => {
        const result = await audit.fn()
        expect(result.status, 'reason' in result ? result.reason : '').toBe('ok')
      })
    }
  }
})
