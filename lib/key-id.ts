import { createHash, type KeyObject } from 'node:crypto'

/** A key's thumbprint (RFC 7638), which names it in tokens. */
export function keyId(publicKey: KeyObject): string {
  const { crv, kty, x } = publicKey.export({ format: 'jwk' })
  return createHash('sha256').update(JSON.stringify({ crv, kty, x })).digest('base64url')
}
