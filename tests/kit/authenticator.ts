import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto'
import type { Data } from './product.ts'

/**
 * A stand-in for an authenticator that only makes keys, for suites that need a passkey and no browser: the answer to
 * `beginPasskeyRegistration`'s options (WebAuthn, §6.5.1, attestation `none`).
 */
export function makePasskey(options: Data, origin: string): Data {
  const id = randomBytes(16)
  const clientData = JSON.stringify({ type: 'webauthn.create', challenge: options.challenge, origin })
  const authData = Buffer.concat([
    createHash('sha256').update(options.rp.id).digest(),
    // User present, user verified, credential data follows; then a counter and no model.
    Buffer.from([0x45, 0, 0, 0, 1]),
    Buffer.alloc(16),
    Buffer.from([0, id.length]),
    id,
    coseKey(),
  ])
  const attestationObject = Buffer.concat([
    Buffer.from('a363666d74646e6f6e656761747453746d74a068617574684461746159', 'hex'),
    Buffer.from([authData.length >> 8, authData.length & 0xff]),
    authData,
  ])
  return {
    id: id.toString('base64url'),
    rawId: id.toString('base64url'),
    type: 'public-key',
    clientExtensionResults: {},
    response: {
      clientDataJSON: Buffer.from(clientData).toString('base64url'),
      attestationObject: attestationObject.toString('base64url'),
    },
  }
}

/** The public half of a new P-256 key, as COSE writes it (RFC 9053, §7.1.1). */
function coseKey(): Buffer {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  return Buffer.concat([
    Buffer.from('a5010203262001215820', 'hex'),
    Buffer.from(x, 'base64url'),
    Buffer.from('225820', 'hex'),
    Buffer.from(y, 'base64url'),
  ])
}
