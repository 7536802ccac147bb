import { toGlobalId } from '../../lib/ids.ts'
import { isViewer, type UsersContext } from './context.ts'
import type { User } from './mappers.ts'
import { ownByReference } from './node.ts'
import {
  beginPasskeyRegistration,
  beginPasskeySignIn,
  type FinishPasskeyRegistrationInput,
  type FinishPasskeySignInInput,
  finishPasskeyRegistration,
  finishPasskeySignIn,
  passkeys,
  type RevokePasskeyInput,
  revokePasskey,
} from './service/passkeys.ts'
import { userOf } from './service/people.ts'
import type { PasskeyRecord } from './store/passkeys.ts'

interface Input<T> {
  readonly input: T
}

/** Resolvers of passkeys. */
export const passkeyResolvers = {
  Mutation: {
    beginPasskeyRegistration: (_: unknown, __: unknown, context: UsersContext) => beginPasskeyRegistration(context),
    finishPasskeyRegistration: (_: unknown, { input }: Input<FinishPasskeyRegistrationInput>, context: UsersContext) =>
      finishPasskeyRegistration(context, input),
    beginPasskeySignIn: (_: unknown, { input }: Input<{ ticket?: string | null }>, context: UsersContext) =>
      beginPasskeySignIn(context, input),
    finishPasskeySignIn: async (_: unknown, { input }: Input<FinishPasskeySignInInput>, context: UsersContext) => {
      const outcome = await finishPasskeySignIn(context, input)
      return '__typename' in outcome ? outcome : { __typename: 'FinishPasskeySignInSuccess', session: outcome }
    },
    revokePasskey: (_: unknown, { input }: Input<RevokePasskeyInput>, context: UsersContext) =>
      revokePasskey(context, input),
  },
  User: {
    passkeys: (user: User, _: unknown, context: UsersContext) => (isViewer(context, user) ? passkeys(context) : []),
  },
  types: {
    FinishPasskeyRegistrationSuccess: {
      passkey: ({ passkey }: { passkey: string }, _: unknown, { loaders }: UsersContext) =>
        loaders.passkeys.load(passkey),
    },
    RevokePasskeySuccess: {
      user: ({ user }: { user: string }, _: unknown, context: UsersContext) => userOf(context, user),
    },
    Passkey: {
      __resolveReference: ownByReference('Passkey'),
      id: ({ id }: PasskeyRecord) => toGlobalId('Passkey', id),
    },
  },
}
