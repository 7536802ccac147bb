import { defineRoom } from '../subgraph.ts'
import { createContext } from './context.ts'
import { resolvers } from './resolvers.ts'

export const room = defineRoom({
  name: 'agents',
  directory: import.meta.dirname,
  resolvers,
  context: createContext,
})
