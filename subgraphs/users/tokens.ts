import { createHash, randomBytes } from 'node:crypto'

/** How long a refresh token is good, in milliseconds: 30 days. */
export const refreshTokenMs = 30 * 24 * 60 * 60 * 1000

/** An opaque token of 256 random bits. Only its hash is kept, so that a copy of the database signs nobody in. */
export function newToken(): string {
  return randomBytes(32).toString('base64url')
}

/** Plain SHA-256: a random token needs no slow hash, since nobody can guess it. */
export function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** A secret for people to type: 128 random bits. */
export function newOneTimeSecret(): string {
  return randomBytes(16).toString('base64url')
}
