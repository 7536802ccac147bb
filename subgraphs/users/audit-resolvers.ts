import type { PageArguments } from '../../lib/connection.ts'
import type { UsersContext } from './context.ts'
import { toUser, type User } from './mappers.ts'
import {
  type AuditEntry,
  type AuditFilterInput,
  auditLog,
  auditVerification,
  dataAccessLog,
  securityViolations,
} from './service/audit.ts'
import { systemHealth } from './service/health.ts'

type AuditArguments = PageArguments & { readonly filter?: AuditFilterInput | null }

/** Resolvers of what the audit shows. */
export const auditResolvers = {
  Query: {
    auditLog: (_: unknown, args: AuditArguments, context: UsersContext) => auditLog(context, args),
    securityViolations: (_: unknown, args: PageArguments, context: UsersContext) => securityViolations(context, args),
    dataAccessLog: (_: unknown, args: PageArguments, context: UsersContext) => dataAccessLog(context, args),
    systemHealth: (_: unknown, { security }: { security: boolean }, context: UsersContext) =>
      systemHealth(context, security),
    auditVerification: async (_: unknown, { head }: { head?: string | null }, context: UsersContext) => {
      const { ok, ...found } = await auditVerification(context, head)
      return { valid: ok, ...found }
    },
  },
  types: {
    AuditEntry: {
      actor: ({ actorId }: AuditEntry, _: unknown, context: UsersContext) => userOf(context, actorId),
      owner: ({ ownerId }: AuditEntry, _: unknown, context: UsersContext) => userOf(context, ownerId),
    },
    SecurityViolation: { user: byUserId },
    DataAccess: { user: byUserId },
  },
}

function byUserId({ userId }: { readonly userId: string | null }, _: unknown, context: UsersContext) {
  return userOf(context, userId)
}

/** Whoever was erased is nobody any more. */
async function userOf({ loaders }: UsersContext, id: string | null): Promise<User | null> {
  const found = id === null ? null : await loaders.users.load(id)
  return found && toUser(found)
}
