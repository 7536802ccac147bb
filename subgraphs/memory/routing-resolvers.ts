import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import type { RoutingRecord, SessionRecord } from './records.ts'
import { mutation, named } from './resolving.ts'
import { deleteRoutingDecision, logRoutingDecision, routeRequest, routerAnalytics } from './service/routing.ts'
import { type DecisionFilter, decisionConditions, decisions, decisionsOfOwner } from './store/routing.ts'

/** Resolvers of what a router decides. */
export const routingResolvers = {
  Query: {
    routerAnalytics: (_: unknown, { hours }: { hours?: number | null }, context: MemoryContext) =>
      routerAnalytics(context, hours ?? 24),
    routingDecisions: (_: unknown, args: DecisionFilter & PageArguments, { loaders, viewer }: MemoryContext) =>
      loaders.listUnder<RoutingRecord>(
        ['own routing decisions', args.success ?? null, args.model ?? null, args.mode ?? null],
        decisionsOfOwner,
        viewer.userId,
        args,
        (values) => decisionConditions(args, values),
      ),
  },
  Mutation: {
    routeRequest: mutation(routeRequest),
    logRoutingDecision: mutation(logRoutingDecision),
    deleteRoutingDecision: mutation(deleteRoutingDecision),
  },
  ChatSession: {
    routingDecisions: ({ id }: SessionRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<RoutingRecord>(['routing decisions'], decisions, id, args),
  },
  RoutingDecision: {
    ...idFields('RoutingDecision'),
    __resolveReference: byReference('RoutingDecision', ({ loaders }: MemoryContext, id) =>
      loaders.routingDecision.load(id),
    ),
    session: ({ sessionId }: RoutingRecord, _: unknown, { loaders }: MemoryContext) => loaders.session.load(sessionId),
    blackboardEvent: ({ blackboardEventId }: RoutingRecord) =>
      blackboardEventId === null ? null : { id: toGlobalId('BlackboardEvent', blackboardEventId) },
  },
  SimilarDecision: {
    decision: ({ id }: { id: string }, _: unknown, { loaders }: MemoryContext) => loaders.routingDecision.load(id),
  },
  LogRoutingDecisionSuccess: {
    decision: ({ decisionId }: { decisionId: string }, _: unknown, { loaders }: MemoryContext) =>
      named(loaders.routingDecision.load(decisionId)),
  },
}
