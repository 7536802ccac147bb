import { ApolloServer } from '@apollo/server'
import { defineIntegrationTestSuite } from '@apollo/server-integration-testsuite'
import { serveOnEdge } from './adapter.ts'

defineIntegrationTestSuite(
  async (options, testOptions) => {
    const server = new ApolloServer(options)
    await server.start()
    const { url, close } = await serveOnEdge(server, testOptions?.context ?? (async () => ({})))
    return { server, url, extraCleanup: close }
  },
  // The product refuses @defer, so its edge answers in one piece.
  { noIncrementalDelivery: true },
)
