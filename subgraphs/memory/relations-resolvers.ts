import type { PageArguments } from '../../lib/connection.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import { valueFor } from './policies/masks.ts'
import type { MemoryRecord } from './records.ts'
import type { RelationshipRecord, SourceRecord } from './relation-records.ts'
import { mutation, named } from './resolving.ts'
import { nearDuplicates } from './service/duplicates.ts'
import { relateMemories, unrelateMemories } from './service/relate.ts'
import { relationships } from './store/relationships.ts'
import { sources } from './store/sources.ts'

interface RelationshipArguments extends PageArguments {
  readonly type?: string | null
  readonly direction?: 'OUTGOING' | 'INCOMING' | null
}

interface DuplicateArguments {
  readonly memoryId: string
  readonly first?: number | null
  readonly minSimilarity?: number | null
}

/** Resolvers of how memories hang together. */
export const relationsResolvers = {
  Query: {
    nearDuplicates: (_: unknown, args: DuplicateArguments, context: MemoryContext) =>
      nearDuplicates(context, args.memoryId, args.first ?? 10, args.minSimilarity ?? 0.6),
  },
  Mutation: { relateMemories: mutation(relateMemories), unrelateMemories: mutation(unrelateMemories) },
  Memory: {
    relationships: (memory: MemoryRecord, args: RelationshipArguments, { loaders }: MemoryContext) => {
      const { id, asOf } = memory
      const { type = null, direction = null } = args
      return loaders.listUnder<RelationshipRecord>(
        ['relationships', type, direction, asOf],
        relationships,
        id,
        args,
        (values) => [
          ...(type === null ? [] : [`link.relationship_type = ${values.add(type)}`]),
          ...(direction === null ? [] : [`link.direction = ${values.add(direction)}`]),
          ...(asOf === null ? [] : [`link.created_at <= ${values.add(asOf, 'timestamptz')}`]),
        ],
      )
    },
    sources: ({ id, asOf }: MemoryRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<SourceRecord>(['sources', asOf], sources, id, args, (values) =>
        asOf === null ? [] : [`source.created_at <= ${values.add(asOf, 'timestamptz')}`],
      ),
    contextAnalysis: (memory: MemoryRecord, _: unknown, context: MemoryContext) =>
      valueFor(context, memory, context.loaders.contextAnalysis(memory.id, memory.version)),
  },
  MemoryRelationship: {
    ...idFields('MemoryRelationship'),
    __resolveReference: byReference('MemoryRelationship', ({ loaders }: MemoryContext, id) =>
      loaders.relationship.load(id),
    ),
    from: ({ fromId }: RelationshipRecord, _: unknown, { loaders }: MemoryContext) => loaders.memory.load(fromId),
    to: ({ toId }: RelationshipRecord, _: unknown, { loaders }: MemoryContext) => loaders.memory.load(toId),
  },
  MemorySource: {
    message: ({ messageId }: SourceRecord, _: unknown, { loaders }: MemoryContext) =>
      messageId === null ? null : loaders.message.load(messageId),
    memory: ({ sourceMemoryId }: SourceRecord, _: unknown, { loaders }: MemoryContext) =>
      sourceMemoryId === null ? null : loaders.memory.load(sourceMemoryId),
  },
  RelateMemoriesSuccess: {
    relationship: ({ relationshipId }: { relationshipId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.relationship.load(relationshipId)),
  },
  UnrelateMemoriesSuccess: {
    from: ({ memoryId }: { memoryId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.memory.load(memoryId)),
  },
}
