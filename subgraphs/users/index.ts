import { defineRoom } from '../subgraph.ts'
import { adminNotices } from './admin.ts'
import { createContext } from './context.ts'
import { resolvers } from './resolvers.ts'

export const room = defineRoom({
  name: 'users',
  directory: import.meta.dirname,
  resolvers,
  context: createContext,
  issuesTokens: true,
  prepare: adminNotices,
})
