import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import { FieldDecryptionError } from '../../lib/field-encryption.ts'
import type { Rule } from '../../stores/limits/port.ts'
import type { UsersContext } from './context.ts'

const lifetimeSeconds = 5 * 60
/** A challenge is taken once; afterwards it is expired anyway. */
const once: Rule = { name: 'challenge', points: 1, seconds: lifetimeSeconds + 60 }

/** What a challenge was given for: one cannot pass for another. */
export type Purpose = 'register-passkey' | 'sign-in' | 'second-factor'

const schema = z.object({
  /** Random bytes in base64url, for the authenticator to sign. */
  challenge: z.string(),
  /** Who it was given to; null where anyone may answer. */
  userId: z.string().nullable(),
  tenantId: z.string().nullable(),
  /** A hash of the password that was right a moment ago; null where none was asked for. */
  password: z.string().nullable(),
  /** Milliseconds since the epoch. */
  expires: z.number(),
})

export type Challenge = z.infer<typeof schema>

/**
 * A challenge and the text by which it comes back. The text holds all that is known of it, encrypted under the system's
 * key, so that whoever begins and never ends leaves nothing behind.
 */
export function giveChallenge(
  { stores, request }: UsersContext,
  purpose: Purpose,
  to: Pick<Challenge, 'userId' | 'tenantId' | 'password'>,
): { readonly challenge: string; readonly text: string } {
  const challenge = randomBytes(32).toString('base64url')
  const expires = request.clock.now().getTime() + lifetimeSeconds * 1000
  const sealed = stores.fields.seal(JSON.stringify({ challenge, ...to, expires }), placeOf(purpose), nobody)
  return { challenge, text: sealed.toString('base64url') }
}

/** Reads a challenge's text; null when it is not ours, was given for something else, or has expired. */
export function readChallenge({ stores, request }: UsersContext, purpose: Purpose, text: string): Challenge | null {
  if (text.length > 2048) return null
  try {
    const opened = stores.fields.open(Buffer.from(text, 'base64url'), placeOf(purpose), nobody)
    const challenge = schema.parse(JSON.parse(opened.toString()))
    return challenge.expires > request.clock.now().getTime() ? challenge : null
  } catch (error) {
    if (error instanceof FieldDecryptionError) return null
    throw error
  }
}

/** The same, and it is spent: null when it was before. */
export async function takeChallenge(context: UsersContext, purpose: Purpose, text: string): Promise<Challenge | null> {
  const challenge = readChallenge(context, purpose, text)
  if (challenge === null) return null
  const key = createHash('sha256').update(challenge.challenge).digest('base64url')
  return (await context.stores.limits.take(once, key)).allowed ? challenge : null
}

const nobody = new Uint8Array()

function placeOf(purpose: Purpose) {
  return { table: 'users.challenges', column: purpose, row: '' }
}
