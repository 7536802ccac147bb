import type { Role } from '../../../lib/context.ts'
import { codedError } from '../../../lib/errors.ts'
import { conflict, invalidInput, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { defaultTenantId } from '../../../lib/tenants.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { read, securityAs, type UsersContext } from '../context.ts'
import { toUser, type User } from '../mappers.ts'
import { hashSecret, verifySecret } from '../passwords.ts'
import { accountProblem, passwordProblem } from '../rules.ts'
import { endSessions } from '../store/sessions.ts'
import { acceptInvitation, findInvited, nameTenant } from '../store/teams.ts'
import { createUser, findSelf, replacePassword, takenName, type UserRecord } from '../store/users.ts'
import { hashToken } from '../tokens.ts'
import { type AuthSession, announceEnd, authSession, beginSession, invalidCredentials } from './sessions.ts'
import { secretOf } from './sign-in.ts'
import { attemptSignIn } from './throttle.ts'

export interface SignUpInput {
  readonly email: string
  readonly username: string
  readonly password: string
  /** The token of an invitation. */
  readonly invitation?: string | null
  /** What to call the tenant that is made, where each sign-up makes one. */
  readonly tenantName?: string | null
}

/** Where a new account belongs, and what it is there. */
interface Admission {
  readonly tenantId: string
  readonly role: Role
  /** Does what goes with it, in the transaction that made the account; false when it came too late. */
  settle(tx: Transaction, at: Date): Promise<boolean>
}

/** Makes an account and signs it in: where it is invited to, in a tenant of its own, or in the one that there is. */
export async function signUp(context: UsersContext, input: SignUpInput): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const wrong = accountProblem(input)
  if (wrong !== null) return wrong
  const admission = await admit(context, input)
  if ('code' in admission) return admission
  const { tenantId, role } = admission
  const { username, email } = input
  const passwordHash = await hashSecret(input.password, request.signal)
  const id = request.ids.next()
  const sessionId = request.ids.next()
  const account = { id, tenantId, username, email, passwordHash, oneTimeHash: null, role }
  const at = request.clock.now()
  try {
    const { user, refreshToken } = await stores.postgres.write(
      securityAs(request, { tenantId, userId: id, sessionId }),
      async (tx) => {
        const user = await createUser(tx, account, at)
        if (!(await admission.settle(tx, at))) throw new ProblemError(noInvitation)
        return { user, refreshToken: await beginSession(tx, context, user, { id: sessionId, methods: ['PASSWORD'] }) }
      },
    )
    return await authSession(context, user, sessionId, refreshToken)
  } catch (error) {
    if (error instanceof ProblemError) return error.problem
    const taken = takenName(error)
    if (taken === null) throw error
    return conflict(`This ${taken === 'email' ? 'email address' : 'username'} is taken.`, 'input', taken)
  }
}

const noInvitation = notFound('invitation', 'input', 'invitation')

async function admit(context: UsersContext, input: SignUpInput): Promise<Admission | Problem> {
  const { stores, request } = context
  if (input.invitation != null) {
    const hash = hashToken(input.invitation)
    const invited = await read(context, (db) => findInvited(db, hash, request.clock.now()))
    // A token that was passed on is good for nobody else.
    if (invited === null || invited.email.toLowerCase() !== input.email.toLowerCase()) return noInvitation
    const { id, tenantId, role } = invited
    return { tenantId, role, settle: (tx, at) => acceptInvitation(tx, id, at) }
  }
  if (stores.tenancy === 'single') return { tenantId: defaultTenantId, role: 'MEMBER', settle: async () => true }
  const name = input.tenantName ?? input.username
  if ([...name].length < 1 || [...name].length > 100 || !name.isWellFormed() || /\p{Cc}/u.test(name)) {
    return invalidInput('A tenant’s name has 1–100 characters.', 'input', 'tenantName')
  }
  const tenantId = request.ids.next()
  return { tenantId, role: 'ADMIN', settle: (tx, at) => nameTenant(tx, name, at) }
}

/**
 * Sets a new password and ends the user's other sign-ins. A one-time secret is taken as the present password when it
 * is unspent or was spent by this very sign-in.
 */
export async function changePassword(
  context: UsersContext,
  { currentPassword, newPassword }: { currentPassword: string; newPassword: string },
): Promise<User | Problem> {
  const { stores, request } = context
  const viewer = requireViewer(request)
  const wrong = passwordProblem(newPassword, 'newPassword')
  if (wrong !== null) return wrong
  const security = securityOf(request, 'users')
  const user = await stores.postgres.read(security, findSelf)
  if (user === null) throw codedError('UNAUTHENTICATED', 'The session has ended.')
  const attempt = await attemptSignIn(context, user.username)
  const fits = await verifySecret(secretOf(user), currentPassword, request.signal)
  if (!fits || !mayUseSecret(user, viewer.sessionId)) return invalidCredentials
  await attempt.succeeded()
  const hash = await hashSecret(newPassword, request.signal)
  const at = request.clock.now()
  const ended = await stores.postgres.write(security, async (tx) => {
    if (!(await replacePassword(tx, user, hash, at))) return null
    return endSessions(tx, { except: viewer.sessionId, ownerId: user.id }, 'PASSWORD_CHANGED', at)
  })
  if (ended === null) return invalidCredentials
  for (const sessionId of ended) announceEnd(stores, sessionId)
  return toUser(user)
}

function mayUseSecret(user: UserRecord, sessionId: string): boolean {
  return user.passwordHash !== null || user.oneTimeSessionId === null || user.oneTimeSessionId === sessionId
}
