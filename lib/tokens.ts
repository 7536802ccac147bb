import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { type JWTHeaderParameters, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { Role, Viewer } from './context.ts'
import { keyId } from './key-id.ts'
import type { RetiredKey } from './key-ring.ts'
import { secretFile } from './secret-file.ts'
import type { Clock } from './sources.ts'

/** Access tokens are short: a stolen one is worth a quarter of an hour. */
export const accessTokenSeconds = 15 * 60

export const issuer = 'mnemograph'
export const audience = 'mnemograph'
const algorithm = 'EdDSA'
/** RFC 9068's type, so that no other kind of JWT signed by the same key passes for an access token. */
const type = 'at+jwt'

/** The key pair that signs access tokens and envelopes. */
export interface SigningKey {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** The half of the key pair that tells what the other has signed. */
export type VerifyingKey = Pick<SigningKey, 'publicKey'>

export interface IssuedToken {
  readonly token: string
  readonly expiresAt: Date
}

/** What a verified access token says. */
export interface VerifiedToken {
  readonly viewer: Viewer
  readonly expiresAt: Date
}

export interface AccessTokens {
  /** @param expiresAt when it ends; by default in a quarter of an hour. */
  issue(viewer: Viewer, expiresAt?: Date): Promise<IssuedToken>
  /** Rejects whatever is not a live access token of ours; the reason is for the log, not for the client. */
  verify(token: string): Promise<VerifiedToken>
}

const roles = ['ADMIN', 'ANALYST', 'MEMBER', 'SERVICE'] as const satisfies readonly Role[]
const claimsSchema = z.object({
  sub: z.string().min(1),
  tid: z.string().min(1),
  sid: z.string().min(1),
  role: z.enum(roles),
  scope: z.string(),
  exp: z.number(),
})

/** Parameters by which a token would bring its own key (RFC 7515, §4.1): none of ours has them. */
const keyBearing = ['jwk', 'jku', 'x5c', 'x5u', 'x5t', 'x5t#S256', 'crit'] as const

/**
 * EdDSA access tokens in the profile of RFC 9068.
 * @param key without its private half tokens can be verified, and to issue one is an error.
 * @param retired keys that signed before this one.
 */
export function createAccessTokens(
  key: VerifyingKey & Partial<SigningKey>,
  clock: Clock,
  retired: readonly RetiredKey[] = [],
): AccessTokens {
  const kid = keyId(key.publicKey)
  const ring = new Map(retired.map((old) => [keyId(old.publicKey), old]))

  /** A token names its key and never brings one. */
  function keyFor(header: JWTHeaderParameters): KeyObject {
    if (keyBearing.some((name) => Object.hasOwn(header, name))) throw new Error('the token brings a key of its own')
    if (header.kid === kid) return key.publicKey
    const old = ring.get(header.kid ?? '')
    if (old === undefined || old.goodUntil <= clock.now()) throw new Error('the token is signed by no key of ours')
    return old.publicKey
  }

  return {
    async issue(viewer, expiresAt) {
      if (!key.privateKey) throw new Error('this process has no key to sign tokens with')
      const issuedAt = Math.floor(clock.now().getTime() / 1000)
      const expires = expiresAt ? Math.floor(expiresAt.getTime() / 1000) : issuedAt + accessTokenSeconds
      const claims = { tid: viewer.tenantId, sid: viewer.sessionId, role: viewer.role, scope: viewer.scopes.join(' ') }
      const token = await new SignJWT(claims)
        .setProtectedHeader({ alg: algorithm, typ: type, kid })
        .setIssuer(issuer)
        .setAudience(audience)
        .setSubject(viewer.userId)
        .setIssuedAt(issuedAt)
        .setExpirationTime(expires)
        .sign(key.privateKey)
      return { token, expiresAt: new Date(expires * 1000) }
    },

    async verify(token) {
      const { payload } = await jwtVerify(token, keyFor, {
        algorithms: [algorithm],
        typ: type,
        issuer,
        audience,
        currentDate: clock.now(),
      })
      const claims = claimsSchema.parse(payload)
      const scopes = claims.scope === '' ? [] : claims.scope.split(' ')
      const viewer = { userId: claims.sub, tenantId: claims.tid, sessionId: claims.sid, role: claims.role, scopes }
      return { viewer, expiresAt: new Date(claims.exp * 1000) }
    },
  }
}

/**
 * The signing key of a data directory, made on the first start and readable by its owner alone; `:memory:` gives a
 * key that ends with the process. Throws when the file is there and others may read it.
 * @param pem a key from elsewhere, which makes the directory's of no account.
 */
export function loadSigningKey(dataDirectory: string, pem?: string): SigningKey {
  if (pem !== undefined) return readSigningKey(pem)
  if (dataDirectory === ':memory:') return newSigningKey()
  return readSigningKey(
    secretFile(dataDirectory, signingKeyFile, () => newSigningKey().privateKey.export(pkcs8).toString()),
  )
}

/** @throws when the text is not an Ed25519 private key in PEM (RFC 8410). */
export function readSigningKey(pem: string): SigningKey {
  return pairOf(createPrivateKey(pem))
}

/** @throws when the text is not an Ed25519 public key in PEM (RFC 8410). */
export function readVerifyingKey(pem: string): VerifyingKey {
  // A private key would do as well, and would then lie where it need not.
  if (!pem.includes('PUBLIC KEY')) throw new Error('the key is not a public key')
  const publicKey = createPublicKey(pem)
  requireEd25519(publicKey)
  return { publicKey }
}

/** Its name in the data directory. */
export const signingKeyFile = 'signing-key.pem'

const pkcs8 = { type: 'pkcs8', format: 'pem' } as const

export function newSigningKey(): SigningKey {
  return pairOf(generateKeyPairSync('ed25519').privateKey)
}

function pairOf(privateKey: KeyObject): SigningKey {
  requireEd25519(privateKey)
  return { privateKey, publicKey: createPublicKey(privateKey) }
}

function requireEd25519(key: KeyObject): void {
  if (key.asymmetricKeyType !== 'ed25519') throw new Error('the key is not an Ed25519 key')
}
