import { sign, verify } from 'node:crypto'
import type { SigningKey, VerifyingKey } from './tokens.ts'

/** Signs what must be provable later: seals of the audit, receipts. Ed25519 (RFC 8032). */
export interface Signer {
  /** @throws where only the public key is known */
  sign(bytes: Uint8Array): Buffer
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}

/** @param retired keys that signed before this one: what they have signed stays proved. */
export function createSigner(
  { privateKey, publicKey }: VerifyingKey & Partial<SigningKey>,
  retired: readonly VerifyingKey[] = [],
): Signer {
  const ring = [publicKey, ...retired.map((key) => key.publicKey)]
  return {
    sign(bytes) {
      if (!privateKey) throw new Error('this process has no key to sign with')
      return sign(null, bytes, privateKey)
    },
    verify: (bytes, signature) => ring.some((key) => verify(null, bytes, key, signature)),
  }
}
