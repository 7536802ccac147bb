import { createHash } from 'node:crypto'
import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { uuidOf } from '../../../lib/ids.ts'
import {
  conflict,
  forbidden,
  invalidInput,
  limitExceeded,
  notFound,
  type Problem,
  ProblemError,
} from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { giveChallenge, readChallenge, takeChallenge } from '../challenges.ts'
import { attempt, read, securityAs, type UsersContext } from '../context.ts'
import { checkText } from '../rules.ts'
import {
  countUse,
  deletePasskey,
  findPasskeyOwner,
  findPasskeys,
  insertPasskey,
  listPasskeys,
  type PasskeyRecord,
} from '../store/passkeys.ts'
import { countBackupCodes } from '../store/second-factors.ts'
import { findSessions } from '../store/sessions.ts'
import { findSelf, type UserRecord } from '../store/users.ts'
import { hasSecondFactor, newCodes } from './second-factors.ts'
import { type AuthSession, authSession, beginSession, invalidCredentials, isStrong } from './sessions.ts'

/** Read when the first passkey is asked for: a start need not wait for its certificates' grammar. */
const webauthn = () => import('@simplewebauthn/server')

const productName = 'Mnemograph'
/** EdDSA, ES256 and RS256, as COSE numbers them: one of them is in every authenticator. */
const algorithms = [-8, -7, -257]
const mostPasskeys = 50
const largestCredential = 64 * 1024
const timeoutMs = 5 * 60 * 1000

/** The options for `navigator.credentials.create`, and the challenge in them, by which they come back. */
export function beginPasskeyRegistration(context: UsersContext) {
  const { userId, tenantId, sessionId } = requireViewer(context.request)
  const { relyingParty } = context.stores
  return attempt(context, async (tx) => {
    await requireStrong(tx, userId, sessionId)
    const [user, known] = [await findSelf(tx), await listPasskeys(tx, userId)]
    if (known.length >= mostPasskeys) {
      throw new ProblemError(limitExceeded(`You may have at most ${mostPasskeys} passkeys.`))
    }
    const { challenge, text } = giveChallenge(context, 'register-passkey', { userId, tenantId, password: null })
    const { generateRegistrationOptions } = await webauthn()
    const options = await generateRegistrationOptions({
      rpName: productName,
      rpID: relyingParty.id,
      userName: user?.username ?? '',
      userDisplayName: user?.displayName ?? '',
      userID: handleOf(userId),
      challenge: Uint8Array.from(Buffer.from(challenge, 'base64url')),
      timeout: timeoutMs,
      attestationType: 'none',
      supportedAlgorithmIDs: algorithms,
      excludeCredentials: known.map(({ credentialId, transports }) => ({ id: credentialId, transports })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    })
    return { __typename: 'BeginPasskeyRegistrationSuccess', challengeId: text, options }
  })
}

export interface FinishPasskeyRegistrationInput {
  readonly challengeId: string
  readonly credential: unknown
  readonly name: string
  readonly secondFactor: boolean
}

/** Keeps the key that the authenticator made. */
export async function finishPasskeyRegistration(context: UsersContext, input: FinishPasskeyRegistrationInput) {
  const { userId, tenantId } = requireViewer(context.request)
  const made = await madeCredential(context, input, userId)
  if (made === null) return invalidInput('The credential does not answer the challenge.', 'input', 'credential')
  const at = context.request.clock.now()
  return attempt(context, async (tx) => {
    const name = checkText(input.name, 'name', 100) ?? ''
    if ((await findPasskeyOwner(tx, made.credential.id)) !== null) {
      throw new ProblemError(conflict('This passkey is registered already.', 'input', 'credential'))
    }
    const id = context.request.ids.next()
    const { id: credentialId, publicKey, counter, transports = [] } = made.credential
    const { secondFactor } = input
    const synced = made.credentialBackedUp
    const owned = { tenantId, ownerId: userId }
    const key = { id, ...owned, name, credentialId, publicKey, counter, transports, synced, secondFactor }
    await insertPasskey(tx, key, at)
    const needsCodes = secondFactor && (await countBackupCodes(tx, userId)) === 0
    const backupCodes = needsCodes ? await newCodes(tx, context, owned, at) : []
    return { __typename: 'FinishPasskeyRegistrationSuccess', passkey: id, backupCodes }
  })
}

async function madeCredential(context: UsersContext, input: FinishPasskeyRegistrationInput, userId: string) {
  const { relyingParty } = context.stores
  const challenge = await takeChallenge(context, 'register-passkey', input.challengeId)
  if (challenge?.userId !== userId || !isCredential(input.credential)) return null
  const { verifyRegistrationResponse } = await webauthn()
  try {
    const { registrationInfo } = await verifyRegistrationResponse({
      response: input.credential as unknown as RegistrationResponseJSON,
      expectedChallenge: challenge.challenge,
      expectedOrigin: [...relyingParty.origins],
      expectedRPID: relyingParty.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: algorithms,
    })
    return registrationInfo ?? null
  } catch {
    // Whatever does not verify, for which reason ever, is a wrong answer of the client's.
    return null
  }
}

/** The options for `navigator.credentials.get`: for whoever comes, or for him whose password was right a moment ago. */
export async function beginPasskeySignIn(context: UsersContext, { ticket }: { ticket?: string | null }) {
  const { stores } = context
  const known = ticket == null ? null : readChallenge(context, 'second-factor', ticket)
  if (ticket != null && known === null) return invalidCredentials
  const allowed = known === null ? [] : await keysOf(context, known as { userId: string; tenantId: string })
  const { userId = null, tenantId = null, password = null } = known ?? {}
  const { challenge, text } = giveChallenge(context, 'sign-in', { userId, tenantId, password })
  const { generateAuthenticationOptions } = await webauthn()
  const options = await generateAuthenticationOptions({
    rpID: stores.relyingParty.id,
    challenge: Uint8Array.from(Buffer.from(challenge, 'base64url')),
    timeout: timeoutMs,
    userVerification: 'required',
    allowCredentials: allowed.map(({ credentialId, transports }) => ({ id: credentialId, transports })),
  })
  return { __typename: 'BeginPasskeySignInSuccess', challengeId: text, options }
}

function keysOf({ stores, request }: UsersContext, who: { userId: string; tenantId: string }) {
  return stores.postgres.read(securityAs(request, { ...who, sessionId: null }), (db) => listPasskeys(db, who.userId))
}

export interface FinishPasskeySignInInput {
  readonly challengeId: string
  readonly credential: unknown
}

/** Signs in with the answer of an authenticator, alone or after the password. The same answer to whatever is wrong. */
export async function finishPasskeySignIn(
  context: UsersContext,
  { challengeId, credential }: FinishPasskeySignInInput,
): Promise<AuthSession | Problem> {
  const { stores, request } = context
  const challenge = await takeChallenge(context, 'sign-in', challengeId)
  if (challenge === null || !isCredential(credential)) return invalidCredentials
  const owner = await stores.postgres.read(securityOf(request, 'users'), (db) => findPasskeyOwner(db, credential.id))
  if (owner === null || (challenge.userId !== null && challenge.userId !== owner.ownerId)) return invalidCredentials
  const id = request.ids.next()
  const security = securityAs(request, { tenantId: owner.tenantId, userId: owner.ownerId, sessionId: id })
  const [passkey] = await stores.postgres.read(security, (db) => findPasskeys(db, [owner.id]))
  const counter = passkey && (await counterOf(context, passkey, credential, challenge.challenge))
  if (passkey === undefined || counter === undefined || counter === null) return invalidCredentials
  const outcome = await stores.postgres.write(security, async (tx) => {
    const at = request.clock.now()
    const user = await findSelf(tx)
    const good = user?.status === 'ACTIVE' && (challenge.password === null || challenge.password === passwordMark(user))
    if (!user || !good || !(await countUse(tx, passkey, counter, at))) return null
    const methods = challenge.userId === null ? (['PASSKEY'] as const) : (['PASSWORD', 'PASSKEY'] as const)
    return { user, token: await beginSession(tx, context, user, { id, methods }) }
  })
  return outcome === null ? invalidCredentials : authSession(context, outcome.user, id, outcome.token)
}

async function counterOf(
  { stores }: UsersContext,
  { ownerId, credentialId, publicKey, counter, transports }: PasskeyRecord,
  credential: Credential,
  expectedChallenge: string,
): Promise<number | null> {
  const { userHandle } = credential.response
  if (userHandle != null && userHandle !== Buffer.from(handleOf(ownerId)).toString('base64url')) return null
  const { verifyAuthenticationResponse } = await webauthn()
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: credential as unknown as AuthenticationResponseJSON,
      expectedChallenge,
      expectedOrigin: [...stores.relyingParty.origins],
      expectedRPID: stores.relyingParty.id,
      credential: { id: credentialId, publicKey: Uint8Array.from(publicKey), counter: Number(counter), transports },
      requireUserVerification: true,
    })
    return verified ? authenticationInfo.newCounter : null
  } catch {
    return null
  }
}

/** Names the password that a challenge was given after, so that one changed since makes it void. */
export function passwordMark({ passwordHash }: UserRecord): string {
  return createHash('sha256')
    .update(passwordHash ?? '')
    .digest('base64url')
}

/** The viewer's keys, in the order they were registered; there are 50 at most. */
export function passkeys(context: UsersContext): Promise<PasskeyRecord[]> {
  const { userId } = requireViewer(context.request)
  return read(context, (db) => listPasskeys(db, userId))
}

export interface RevokePasskeyInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** Forgets a key: it signs nobody in any more. */
export function revokePasskey({ stores, request }: UsersContext, input: RevokePasskeyInput) {
  const viewer = requireViewer(request)
  return mutate(stores, request, { name: 'revokePasskey', input, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('Passkey', input.id)
    const [passkey] = id === null ? [] : await findPasskeys(tx, [id])
    if (!passkey) throw new ProblemError(notFound('passkey', 'input', 'id'))
    await requireStrong(tx, viewer.userId, viewer.sessionId)
    await deletePasskey(tx, passkey.id)
    return { __typename: 'RevokePasskeySuccess', user: viewer.userId }
  })
}

/** Whoever has a second factor changes what signs him in only in a sign-in that proved one. */
async function requireStrong(tx: Transaction, userId: string, sessionId: string): Promise<void> {
  if (!(await hasSecondFactor(tx, userId))) return
  const [session] = await findSessions(tx, [sessionId])
  if (session && isStrong(session.methods)) return
  throw new ProblemError(forbidden('Sign in with a second factor first.'))
}

/** What is needed of an authenticator's answer before it is verified. */
interface Credential {
  readonly id: string
  readonly response: { readonly userHandle?: string | null }
}

function isCredential(value: unknown): value is Credential {
  if (typeof value !== 'object' || value === null || JSON.stringify(value).length > largestCredential) return false
  const { id, response } = value as { id?: unknown; response?: unknown }
  return typeof id === 'string' && !id.includes('\0') && typeof response === 'object' && response !== null
}

/** WebAuthn's user handle: the user's id as bytes, which tells nothing of him. */
function handleOf(userId: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(userId.replaceAll('-', ''), 'hex'))
}
