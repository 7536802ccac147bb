import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { testContext } from '../../tests/kit/federation.ts'
import { executorOf } from './executor.ts'
import { shop } from './shop.ts'

// One subgraph of the shop as a process of its own:
//
//   node bench/shop/subgraph.ts <name> <products> recorded|resolved
//
// `recorded` resolves each request once and then answers from memory, so that next to nothing but the gateway is
// measured; `resolved` does its work each time.

const [name = '', products = '1', mode = 'recorded'] = process.argv.slice(2)
const found = shop(Number(products)).find((subgraph) => subgraph.name === name)
if (found === undefined) throw new Error(`The shop has no subgraph ${name}.`)
const executor = executorOf(found)
const recorded = new Map<string, Buffer>()

async function answer(body: string): Promise<Buffer> {
  const { query, variables = {} } = JSON.parse(body) as { query: string; variables?: Record<string, unknown> }
  const result = await executor.execute({ operation: query, variables, context: testContext() })
  const bytes = Buffer.from(JSON.stringify(result))
  if (mode === 'recorded') recorded.set(body, bytes)
  return bytes
}

const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', async () => {
    const body = Buffer.concat(chunks).toString()
    const bytes = recorded.get(body) ?? (await answer(body))
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length }).end(bytes)
  })
})
server.listen(0, '127.0.0.1', () => {
  console.log(`${name} is ready at http://127.0.0.1:${(server.address() as AddressInfo).port}/graphql`)
})
