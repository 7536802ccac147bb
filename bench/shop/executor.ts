import { buildSubgraphSchema } from '@apollo/subgraph'
import { parse } from 'graphql'
import { createExecutor, type Executor, type ExecutorOptions } from '../../lib/execution/executor.ts'
import type { ShopSubgraph } from './shop.ts'

/** How a subgraph of the shop is executed, in whichever process. */
export function executionOf({ sdl, resolvers }: ShopSubgraph): ExecutorOptions {
  return { schema: buildSubgraphSchema([{ typeDefs: parse(sdl), resolvers }]), contextFor: () => ({}) }
}

export function executorOf(subgraph: ShopSubgraph): Executor {
  return createExecutor(executionOf(subgraph))
}
