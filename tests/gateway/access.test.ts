import { expect, test } from 'vitest'
import { startEdge } from '../kit/edge.ts'
import { Federation } from '../kit/federation.ts'
import { transportNames, transports } from '../kit/transports.ts'

const sdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@authenticated", "@requiresScopes"])
  type Query {
    name: String
    secret: String @authenticated
    admin: String @requiresScopes(scopes: [["admin"]])
  }`

test.each(transportNames)('what is not for a viewer is null with an error over %s, in both lanes', async (name) => {
  const federation = new Federation({
    only: { sdl, resolvers: { Query: { name: () => 'n', secret: () => 's', admin: () => 'a' } } },
  })
  await using world = await startEdge({ served: federation.engine })
  const ask = (authorization?: string) => transports[name](world, { query: '{ name secret admin }' }, authorization)
  for (const _lane of ['pipeline', 'fast']) {
    expect(await ask()).toMatchObject({
      data: { name: 'n', secret: null, admin: null },
      errors: [
        { path: ['secret'], extensions: { code: 'UNAUTHENTICATED' } },
        { path: ['admin'], extensions: { code: 'UNAUTHENTICATED' } },
      ],
    })
    expect(await ask(world.bearer)).toMatchObject({
      data: { name: 'n', secret: 's', admin: null },
      errors: [{ path: ['admin'], extensions: { code: 'FORBIDDEN' } }],
    })
  }
  expect(federation.requests.some(({ operation }) => operation.includes('admin'))).toBe(false)
})
