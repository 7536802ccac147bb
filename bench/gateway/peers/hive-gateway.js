import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createGatewayRuntime } from '@graphql-hive/gateway'
import { unifiedGraphHandler } from '@graphql-hive/router-runtime'

// Hive Gateway on Node's HTTP server, as its command line starts it: with its own planner, or with that of Hive Router.

const [supergraph, planner, dedup] = process.argv.slice(2)
const gateway = createGatewayRuntime({
  supergraph: readFileSync(supergraph, 'utf8'),
  ...(planner === 'rust' ? { unifiedGraphHandler } : {}),
  ...(dedup === 'off' ? { transportEntries: { '*.http': { options: { deduplicateInflightRequests: false } } } } : {}),
  logging: false,
})
const server = createServer(gateway)
server.listen(0, '127.0.0.1', () => console.log(`ready at http://127.0.0.1:${server.address().port}/graphql`))
