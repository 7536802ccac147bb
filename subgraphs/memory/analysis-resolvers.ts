import type { MemoryContext } from './context.ts'
import { contextAnalysis } from './service/context-analysis.ts'
import type { AnalysisRecord } from './store/context-analyses.ts'

/** Resolvers of what contents are about. */
export const analysisResolvers = {
  Query: {
    contextAnalysis: (_: unknown, { content }: { content: string }, context: MemoryContext) =>
      contextAnalysis(context, content),
  },
  ContextAnalysis: { contentHash: ({ contentHash }: AnalysisRecord) => contentHash.toString('hex') },
}
