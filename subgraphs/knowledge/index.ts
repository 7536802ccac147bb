import { joinResolvers } from '../join-resolvers.ts'
import { defineRoom } from '../subgraph.ts'
import { consensusResolvers } from './consensus/resolvers.ts'
import { createContext } from './context.ts'
import { createExtractor } from './extraction/extractor.ts'
import { conceptsProjector } from './projection/projector.ts'
import { resolvers } from './resolvers.ts'
import { turnResolvers } from './turns.ts'

export const room = defineRoom({
  name: 'knowledge',
  directory: import.meta.dirname,
  resolvers: joinResolvers(resolvers, consensusResolvers, turnResolvers),
  context: createContext,
  projectors: (stores) => [conceptsProjector(stores, createExtractor())],
})
