import type { GraphQLResolveInfo } from 'graphql'
import { mapConnection, type PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference, idFields } from '../references.ts'
import { selectedOfNodes } from '../selection.ts'
import type { MemoryContext } from './context.ts'
import type { CountedConnection } from './loaders.ts'
import { userOf } from './mappers.ts'
import { contentFor, revisionFor, valueFor } from './policies/masks.ts'
import type { PolicyKind } from './policies/rules.ts'
import type { MemoryRecord, RevisionRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import {
  listRules,
  type PolicyAuditArguments,
  policyAudit,
  removePolicyRule,
  setPolicyRule,
} from './service/policies.ts'
import { type DecisionRecord, decisions } from './store/decisions.ts'
import type { RuleRecord } from './store/policies.ts'

/** Resolvers of policy rules and of what they decide. */
export const policyResolvers = {
  Query: {
    policyRules: (_: unknown, args: PageArguments & { kind?: PolicyKind | null }, context: MemoryContext) =>
      listRules(context, args.kind ?? null, args),
    policyAudit: (_: unknown, args: PolicyAuditArguments, context: MemoryContext) => policyAudit(context, args),
  },
  Mutation: { setPolicyRule: mutation(setPolicyRule), removePolicyRule: mutation(removePolicyRule) },
  Memory: {
    content: (memory: MemoryRecord, _: unknown, context: MemoryContext) => contentFor(context, memory),
    metadata: (memory: MemoryRecord, _: unknown, context: MemoryContext) => valueFor(context, memory, memory.metadata),
    speaker: (memory: MemoryRecord, _: unknown, context: MemoryContext) => valueFor(context, memory, memory.speaker),
    revisions(memory: MemoryRecord, args: PageArguments, context: MemoryContext, info: GraphQLResolveInfo) {
      const revisions = context.loaders.revisionsOf(memory, args, selectedOfNodes(info))
      return memory.ownerId === context.viewer.userId ? revisions : maskedRevisions(context, memory, revisions)
    },
    policyDecisions: (
      { id }: MemoryRecord,
      args: PageArguments & { kind?: PolicyKind | null },
      { loaders }: MemoryContext,
    ) => {
      const { kind = null } = args
      return loaders.listUnder<DecisionRecord>(['policy decisions', kind], decisions, id, args, (values) =>
        kind === null ? [] : [`decision.kind = ${values.add(kind)}`],
      )
    },
    accessedAt: async ({ id }: MemoryRecord, _: unknown, { loaders }: MemoryContext) =>
      (await loaders.circumstances.load(id))?.accessedAt ?? null,
    accessCount: async ({ id }: MemoryRecord, _: unknown, { loaders }: MemoryContext) =>
      (await loaders.circumstances.load(id))?.accesses ?? 0,
  },
  PolicyRule: {
    ...idFields('PolicyRule'),
    __resolveReference: byReference('PolicyRule', ({ loaders }: MemoryContext, id) => loaders.policyRule.load(id)),
    scope: ({ ownerId }: RuleRecord) => (ownerId === null ? 'TENANT' : 'OWNER'),
    condition: ({ configuration: { condition } }: RuleRecord) => ({
      ...condition,
      tiers: condition.tiers ?? [],
      modes: condition.modes ?? [],
      visibilities: condition.visibilities ?? [],
      userIds: (condition.userIds ?? []).map((id) => toGlobalId('User', id)),
    }),
    keepDays: ({ configuration }: RuleRecord) => configuration.keepDays,
    archive: ({ configuration }: RuleRecord) => configuration.archive ?? false,
    toTier: ({ configuration }: RuleRecord) => configuration.toTier,
    mask: ({ configuration }: RuleRecord) => configuration.mask,
    words: ({ configuration }: RuleRecord) => configuration.words ?? [],
  },
  PolicyDecision: {
    memoryId: ({ memoryId }: DecisionRecord) => toGlobalId('Memory', memoryId),
    memory: ({ memoryId }: DecisionRecord, _: unknown, { loaders }: MemoryContext) => loaders.memory.load(memoryId),
    rule: ({ ruleId }: DecisionRecord, _: unknown, { loaders }: MemoryContext) =>
      ruleId === null ? null : loaders.policyRule.load(ruleId),
    actor: ({ actorId }: DecisionRecord) => (actorId === null ? null : userOf(actorId)),
  },
  SetPolicyRuleSuccess: {
    rule: ({ ruleId }: { ruleId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.policyRule.load(ruleId)),
  },
  RemovePolicyRuleSuccess: { ruleId: ({ ruleId }: { ruleId: string }) => toGlobalId('PolicyRule', ruleId) },
}

async function maskedRevisions(
  context: MemoryContext,
  memory: MemoryRecord,
  revisions: Promise<CountedConnection<RevisionRecord>>,
): Promise<CountedConnection<RevisionRecord>> {
  const connection = await revisions
  const masked = new Map(
    await Promise.all(connection.nodes.map(async (each) => [each, await revisionFor(context, memory, each)] as const)),
  )
  const { totalCount } = connection
  return { ...mapConnection(connection, (revision) => masked.get(revision) ?? revision), totalCount }
}
