import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Child, startChild } from '../child.ts'
import { shop } from '../shop/shop.ts'
import { shopSupergraph } from '../shop/supergraph.ts'
import { gatewayCore, startOurs } from './gateways.ts'
import { type Figures, type MeasureOptions, measure } from './measure.ts'

const shopFolder = join(import.meta.dirname, '../shop')
const env = { MNEMOGRAPH_DEDUP: 'false', MNEMOGRAPH_LOG_LEVEL: 'error' }

export interface Compared {
  readonly remote: Figures
  readonly inProcess: Figures
}

/**
 * Measures ours with subgraphs that do their work for each request: in processes of their own, and in the gateway's. All of
 * either form runs on one processor, and the work of all its processes is counted.
 * @param folder Where the supergraph of the remote form is put.
 */
export async function compareInProcess(folder: string, products: number, options: MeasureOptions): Promise<Compared> {
  const running: Child[] = []
  const keep = async (starting: Promise<Child>): Promise<Child> => {
    const child = await starting
    running.push(child)
    return child
  }
  try {
    const names = shop(0).map(({ name }) => name)
    const subgraphs = await Promise.all(
      names.map((name) =>
        keep(startChild([join(shopFolder, 'subgraph.ts'), name, `${products}`, 'resolved'], { core: gatewayCore })),
      ),
    )
    const urls = Object.fromEntries(names.map((name, index) => [name, subgraphs[index]?.url ?? '']))
    const supergraphFile = join(folder, 'resolved.graphql')
    writeFileSync(supergraphFile, shopSupergraph(urls))
    const gateway = await keep(startOurs(supergraphFile, env, gatewayCore))
    const args = ['--max-semi-space-size=32', join(shopFolder, 'local.ts'), `${products}`]
    const local = await keep(startChild(args, { core: gatewayCore, env }))
    const figures = await measure(
      [
        { name: 'remote', url: gateway.url, counted: [gateway, ...subgraphs] },
        { name: 'inProcess', url: local.url, counted: [local] },
      ],
      options,
    )
    return { remote: figures.get('remote') as Figures, inProcess: figures.get('inProcess') as Figures }
  } finally {
    await Promise.all(running.map((child) => child.stop()))
  }
}
