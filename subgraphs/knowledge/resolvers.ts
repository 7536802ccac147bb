import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference } from '../references.ts'
import type { KnowledgeContext } from './context.ts'
import { type Concept, type Mention, toConcept } from './mappers.ts'
import * as service from './service.ts'

type Args<Name extends keyof typeof service> =
  Parameters<(typeof service)[Name]> extends [...unknown[], infer Last] ? Last : never

export const resolvers = {
  Query: {
    concept: (_: unknown, args: Args<'findConcept'>, context: KnowledgeContext) => service.findConcept(context, args),
    concepts: (_: unknown, args: Args<'findConcepts'>, context: KnowledgeContext) =>
      service.findConcepts(context, args),
    knowledgePath: (_: unknown, args: Args<'knowledgePath'>, context: KnowledgeContext) =>
      service.knowledgePath(context, args),
    neighborhood: (_: unknown, args: Args<'neighborhood'>, context: KnowledgeContext) =>
      service.neighborhood(context, args),
  },
  Concept: {
    __resolveReference: byReference('Concept', service.conceptOfRow),
    nodeRef: ({ id }: Concept) => id,
    related: (concept: Concept, args: Args<'relatedConcepts'>, context: KnowledgeContext) =>
      service.relatedConcepts(context, concept, args),
    appearsIn: (concept: Concept, args: PageArguments, context: KnowledgeContext) =>
      service.mentionsOfConcept(context, concept, args),
  },
  Mention: {
    concept: async ({ conceptId }: Mention, _: unknown, { loaders }: KnowledgeContext) => {
      const record = await loaders.concepts.load(conceptId)
      return record && toConcept(record)
    },
  },
  Memory: {
    __resolveReference: byReference('Memory', (_: KnowledgeContext, id) => ({ id: toGlobalId('Memory', id) })),
    concepts: ({ id }: { id: string }, args: PageArguments, context: KnowledgeContext) =>
      service.conceptsOfMemory(context, id, args),
  },
}
