import { parse } from 'graphql'
import { compose } from '../../gateway/engine/compose.ts'
import { createEngine, type LoadingEngine } from '../../gateway/engine/engine.ts'
import type { EngineObserver } from '../../gateway/engine/observer.ts'
import type { OperationRequest } from '../../gateway/engine/types.ts'
import { testContext } from '../../tests/kit/federation.ts'
import { executorOf } from '../shop/executor.ts'
import type { ShopSubgraph } from '../shop/shop.ts'

/** An engine whose subgraphs' answers are resolved once, and then played back as text, as from a network. */
export interface Played {
  readonly engine: LoadingEngine
  /** The answers that it was given so far. */
  readonly texts: () => readonly string[]
}

export function play(subgraphs: readonly ShopSubgraph[], observer?: EngineObserver): Played {
  const executors = new Map(subgraphs.map((subgraph) => [subgraph.name, executorOf(subgraph)]))
  const answers = new Map<string, string>()
  const supergraphSdl = compose(
    subgraphs.map(({ name, sdl }) => ({ name, typeDefs: sdl, url: `http://${name}.invalid` })),
  )
  const engine = createEngine({
    supergraphSdl,
    ...(observer ? { observer } : {}),
    channelFor: ({ name }) => ({
      async execute(sent) {
        // Whoever sends a request has written its variables as text.
        if (sent.variablesText === '') throw new Error('a request without variables')
        const key = `${name} ${sent.operation}`
        let answer = answers.get(key)
        if (answer === undefined) {
          answer = JSON.stringify(await executors.get(name)?.execute(sent))
          answers.set(key, answer)
        }
        return JSON.parse(answer)
      },
      subscribe: () => Promise.reject(new Error('nothing is played back')),
      close: async () => {},
    }),
  })
  return { engine, texts: () => [...answers.values()] }
}

export function asking(query: string): () => OperationRequest {
  const document = parse(query)
  return () => ({ query, document, operationName: undefined, variables: {}, context: testContext() })
}

/** Processor milliseconds of one run: the least of several rounds, since what else the machine does only adds. */
export async function cost(run: () => unknown, times: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round < 12; round++) {
    const before = process.cpuUsage()
    for (let i = 0; i < times; i++) await run()
    const { user, system } = process.cpuUsage(before)
    least = Math.min(least, (user + system) / 1000 / times)
  }
  return least
}
