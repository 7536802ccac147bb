import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { UsersContext } from './context.ts'
import { ownByReference } from './node.ts'
import { userOf } from './service/people.ts'
import {
  type CreateServiceAccountInput,
  createServiceAccount,
  fromScope,
  type IssueServiceTokenInput,
  issueServiceToken,
  type RevokeServiceTokenInput,
  revokeServiceToken,
  serviceAccounts,
  tokensOf,
} from './service/services.ts'
import type { ServiceAccountRecord, ServiceTokenRecord } from './store/services.ts'

interface Input<T> {
  readonly input: T
}

const madeToken = ({ serviceToken }: { serviceToken: string }, _: unknown, { loaders }: UsersContext) =>
  loaders.serviceTokens.load(serviceToken)

/** Resolvers of services and their tokens. */
export const serviceResolvers = {
  Query: {
    serviceAccounts: (_: unknown, args: PageArguments, context: UsersContext) => serviceAccounts(context, args),
  },
  Mutation: {
    createServiceAccount: (_: unknown, { input }: Input<CreateServiceAccountInput>, context: UsersContext) =>
      createServiceAccount(context, input),
    issueServiceToken: (_: unknown, { input }: Input<IssueServiceTokenInput>, context: UsersContext) =>
      issueServiceToken(context, input),
    revokeServiceToken: (_: unknown, { input }: Input<RevokeServiceTokenInput>, context: UsersContext) =>
      revokeServiceToken(context, input),
  },
  types: {
    CreateServiceAccountSuccess: {
      serviceAccount: ({ serviceAccount }: { serviceAccount: string }, _: unknown, { loaders }: UsersContext) =>
        loaders.serviceAccounts.load(serviceAccount),
    },
    IssueServiceTokenSuccess: { serviceToken: madeToken },
    RevokeServiceTokenSuccess: { serviceToken: madeToken },
    ServiceAccount: {
      __resolveReference: ownByReference('ServiceAccount'),
      id: ({ id }: ServiceAccountRecord) => toGlobalId('ServiceAccount', id),
      user: ({ id }: ServiceAccountRecord, _: unknown, context: UsersContext) => userOf(context, id),
      scopes: ({ scopes }: ServiceAccountRecord) => scopes.map(fromScope),
      tokens: (account: ServiceAccountRecord, _: unknown, context: UsersContext) => tokensOf(context, account),
    },
    ServiceToken: {
      __resolveReference: ownByReference('ServiceToken'),
      id: ({ id }: ServiceTokenRecord) => toGlobalId('ServiceToken', id),
      scopes: ({ scopes }: ServiceTokenRecord) => scopes.map(fromScope),
    },
  },
}
