import { createHash, randomBytes } from 'node:crypto'
import { generateSecret, generateURI, verify } from 'otplib'

/** What an authenticator app shows as the account's issuer. */
const issuer = 'Mnemograph'
/** Seconds by which a phone's clock may be wrong: one step before and one after (RFC 6238, §5.2). */
const toleranceSeconds = 30
const codePattern = /^\d{6}$/
const backupCodePattern = /^[a-z2-7]{16}$/
const backupCodeCount = 10
const base32 = 'abcdefghijklmnopqrstuvwxyz234567'

/** A new seed, in base32. */
export function newTotpSecret(): string {
  return generateSecret()
}

/** What an authenticator app reads as a QR code. */
export function totpUri(secret: string, username: string): string {
  return generateURI({ issuer, label: username, secret })
}

/**
 * The step of time whose password a code is; null for a wrong code.
 * @param after the step whose password was taken last: its own and earlier ones are not taken again.
 */
export async function timeStepOf(secret: string, code: string, at: Date, after: bigint | null): Promise<number | null> {
  const token = code.replaceAll(' ', '')
  if (!codePattern.test(token)) return null
  const epoch = Math.floor(at.getTime() / 1000)
  // Without `afterTimeStep` the library takes a password as often as it comes.
  const afterTimeStep = after === null ? {} : { afterTimeStep: Number(after) }
  const result = await verify({ secret, token, epoch, epochTolerance: toleranceSeconds, ...afterTimeStep })
  return result.valid && 'timeStep' in result ? result.timeStep : null
}

/** Ten codes of 80 random bits each, as people type them. */
export function newBackupCodes(): string[] {
  return Array.from({ length: backupCodeCount }, () => {
    const letters = [...randomBytes(16)].map((byte) => base32[byte % 32]).join('')
    return letters.match(/.{4}/g)?.join('-') ?? letters
  })
}

/** The hash that a backup code is found by; null for what is none. A random code needs no slow hash. */
export function hashBackupCode(code: string): Buffer | null {
  const letters = code.toLowerCase().replace(/[\s-]/g, '')
  return backupCodePattern.test(letters) ? createHash('sha256').update(letters).digest() : null
}
