import { loadConfig } from '../../gateway/config.ts'
import { createEdge } from '../../gateway/edge/http.ts'
import { createLocalChannel } from '../../gateway/engine/channel/local.ts'
import { createEngine } from '../../gateway/engine/engine.ts'
import { openIdentity } from '../../gateway/identity.ts'
import { LiveEngine } from '../../gateway/live-engine.ts'
import { createLog } from '../../lib/log.ts'
import { Metrics } from '../../lib/metrics.ts'
import { executionOf } from './executor.ts'
import { shop } from './shop.ts'
import { shopSupergraph } from './supergraph.ts'

// The shop with its subgraphs in the gateway's process, as the product runs its rooms:
//
//   node bench/shop/local.ts <products>

const subgraphs = new Map(shop(Number(process.argv[2])).map((subgraph) => [subgraph.name, executionOf(subgraph)]))
const { config } = loadConfig()
const engine = createEngine({
  supergraphSdl: shopSupergraph({}),
  channelFor({ name }) {
    const execution = subgraphs.get(name)
    if (execution === undefined) throw new Error(`The shop has no subgraph ${name}.`)
    return createLocalChannel(execution)
  },
})
const edge = await createEdge({
  engine: new LiveEngine(engine),
  identity: openIdentity,
  config: { ...config, introspection: 'open' },
  log: createLog(config.logLevel),
  metrics: new Metrics(),
})
const { port } = await edge.listen(0, '127.0.0.1')
console.log(`The shop is ready at http://127.0.0.1:${port}/graphql`)
