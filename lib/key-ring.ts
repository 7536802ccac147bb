import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { keyId } from './key-id.ts'
import { replaceSecretFile } from './secret-file.ts'
import { loadSigningKey, newSigningKey, readVerifyingKey, signingKeyFile, type VerifyingKey } from './tokens.ts'

/** A key that signs no more. What it has signed is good until its own end, and the key until all of that has ended. */
export interface RetiredKey extends VerifyingKey {
  readonly goodUntil: Date
}

/** Its name in the data directory. */
export const retiredKeysFile = 'retired-keys.json'
const never = new Date(8_640_000_000_000_000)
const day = 24 * 60 * 60 * 1000
/** The longest that a token may be good: service tokens live up to a year. */
const longestTokenMs = 366 * day

const schema = z.array(z.object({ publicKey: z.string(), goodUntil: z.coerce.date() }))

/**
 * The keys that a data directory's key has replaced.
 * @param pems public keys from elsewhere, instead of the directory's: good as long as they are given.
 */
export function loadRetiredKeys(dataDirectory: string, pems?: string): readonly RetiredKey[] {
  if (pems !== undefined) return trustedKeys(pems)
  return readRetired(dataDirectory).map(({ publicKey, goodUntil }) => ({ ...readVerifyingKey(publicKey), goodUntil }))
}

/** Public keys from elsewhere, good as long as they are given. */
export function trustedKeys(pems: string): readonly RetiredKey[] {
  return readPems(pems).map((key) => ({ ...key, goodUntil: never }))
}

/** @throws when a part is not an Ed25519 public key in PEM */
export function readPems(pems: string): readonly VerifyingKey[] {
  return (pems.match(/-----BEGIN [^-]+-----[^-]+-----END [^-]+-----/g) ?? [pems]).map(readVerifyingKey)
}

/**
 * Gives a data directory a new signing key. The old one's public half is kept until the longest token that it may have
 * signed has ended. It is written down first: a crash in between leaves the old key at work, and trusted.
 * @returns the ids of the new key and the old one
 */
export function rotateSigningKey(
  dataDirectory: string,
  now: Date,
): { readonly made: string; readonly retired: string } {
  const old = loadSigningKey(dataDirectory)
  retireKey(dataDirectory, old, now)
  const made = newSigningKey()
  replaceSecretFile(dataDirectory, signingKeyFile, made.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  return { made: keyId(made.publicKey), retired: keyId(old.publicKey) }
}

/** Trusts a key for as long as what it may have signed until now. */
export function retireKey(dataDirectory: string, key: VerifyingKey, now: Date): void {
  const publicKey = key.publicKey.export({ type: 'spki', format: 'pem' }).toString()
  const goodUntil = new Date(now.getTime() + longestTokenMs)
  const kept = readRetired(dataDirectory).filter((other) => other.goodUntil > now && other.publicKey !== publicKey)
  writeRetired(dataDirectory, [...kept, { publicKey, goodUntil }])
}

/** Adds the retired keys of another directory's file; what this directory says of a key holds. */
export function addRetiredKeys(dataDirectory: string, text: string): void {
  const own = readRetired(dataDirectory)
  const known = new Set(own.map(({ publicKey }) => publicKey))
  const others = schema.parse(JSON.parse(text)).filter(({ publicKey }) => !known.has(publicKey))
  writeRetired(dataDirectory, [...own, ...others])
}

/** The public keys as others may read them (RFC 7517). */
export function jwks(keys: readonly VerifyingKey[]) {
  return {
    keys: keys.map(({ publicKey }) => {
      const { crv, kty, x } = publicKey.export({ format: 'jwk' })
      return { kty, crv, x, kid: keyId(publicKey), use: 'sig', alg: 'EdDSA' }
    }),
  }
}

function readRetired(dataDirectory: string): z.infer<typeof schema> {
  const path = join(dataDirectory, retiredKeysFile)
  return existsSync(path) ? schema.parse(JSON.parse(readFileSync(path, 'utf8'))) : []
}

function writeRetired(dataDirectory: string, keys: z.infer<typeof schema>): void {
  replaceSecretFile(dataDirectory, retiredKeysFile, JSON.stringify(keys, null, 2))
}
