import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import type { UsersContext } from './context.ts'
import {
  exportedLines,
  privacyRequest,
  type RequestPrivacyActionInput,
  requestOf,
  requestPrivacyAction,
  retentionPolicies,
  type SetRetentionPolicyInput,
  setRetentionPolicy,
} from './service/privacy.ts'
import { deleteSecret, revealSecret, type StoreSecretInput, secretOf, secrets, storeSecret } from './service/secrets.ts'
import type { PrivacyRequestRecord, SecretRecord } from './store/privacy.ts'

interface Input<T> {
  readonly input: T
}

/** Resolvers of what a user keeps to himself, and may ask to be done with what is his. */
export const privacyResolvers = {
  Query: {
    secrets: (_: unknown, args: PageArguments, context: UsersContext) => secrets(context, args),
    privacyRequest: (_: unknown, { id }: { id: string }, context: UsersContext) => privacyRequest(context, id),
    retentionPolicies: (_: unknown, __: unknown, context: UsersContext) => retentionPolicies(context),
  },
  Mutation: {
    storeSecret: (_: unknown, { input }: Input<StoreSecretInput>, context: UsersContext) => storeSecret(context, input),
    revealSecret: (_: unknown, { input }: Input<{ id: string }>, context: UsersContext) => revealSecret(context, input),
    deleteSecret: (_: unknown, { input }: Input<{ id: string }>, context: UsersContext) => deleteSecret(context, input),
    requestPrivacyAction: (_: unknown, { input }: Input<RequestPrivacyActionInput>, context: UsersContext) =>
      requestPrivacyAction(context, input),
    setRetentionPolicy: (_: unknown, { input }: Input<SetRetentionPolicyInput>, context: UsersContext) =>
      setRetentionPolicy(context, input),
  },
  types: {
    Secret: { id: ({ id }: SecretRecord) => toGlobalId('Secret', id) },
    StoreSecretSuccess: {
      secret: ({ secret }: { secret: string }, _: unknown, context: UsersContext) => secretOf(context, secret),
    },
    RequestPrivacyActionSuccess: {
      request: ({ request }: { request: string }, _: unknown, context: UsersContext) => requestOf(context, request),
    },
    PrivacyRequest: {
      id: ({ id }: PrivacyRequestRecord) => toGlobalId('PrivacyRequest', id),
      receipt: ({ receipt, signature }: PrivacyRequestRecord) =>
        receipt === null || signature === null ? null : { text: receipt, signature: signature.toString('base64') },
      lines: (request: PrivacyRequestRecord, { part }: { part: number }, context: UsersContext) =>
        exportedLines(context, request, part),
    },
    PrivacyReceipt: { counts: ({ text }: { text: string }) => JSON.parse(text).counts },
  },
}
