import { defineRoom } from '../subgraph.ts'
import { createContext } from './context.ts'
import { createExtractor } from './extraction/extractor.ts'
import { conceptsProjector } from './projection/projector.ts'
import { resolvers } from './resolvers.ts'

export const room = defineRoom({
  name: 'knowledge',
  directory: import.meta.dirname,
  resolvers,
  context: createContext,
  projectors: (stores) => [conceptsProjector(stores, createExtractor())],
})
