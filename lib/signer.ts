import { sign, verify } from 'node:crypto'
import type { SigningKey, VerifyingKey } from './tokens.ts'

/** Signs what must be provable later: seals of the audit, receipts. Ed25519 (RFC 8032). */
export interface Signer {
  /** @throws where only the public key is known */
  sign(bytes: Uint8Array): Buffer
  verify(bytes: Uint8Array, signature: Uint8Array): boolean
}

export function createSigner({ privateKey, publicKey }: VerifyingKey & Partial<SigningKey>): Signer {
  return {
    sign(bytes) {
      if (!privateKey) throw new Error('this process has no key to sign with')
      return sign(null, bytes, privateKey)
    },
    verify: (bytes, signature) => verify(null, bytes, publicKey, signature),
  }
}
