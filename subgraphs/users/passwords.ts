import * as argon2 from '@node-rs/argon2'
import { codedError } from '../../lib/errors.ts'

/** Argon2id with 19 MiB, two passes and one lane: OWASP's Password Storage Cheat Sheet. */
const cost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }

/**
 * What is verified when there is no user: a hash of the same cost that no password has, so that an unknown name takes
 * the very same work as a wrong password.
 */
const nobodysHash = `$argon2id$v=19$m=${cost.memoryCost},t=${cost.timeCost},p=${cost.parallelism}$${unpadded(16)}$${unpadded(32)}`

/** Hashes computed at the same time. Each takes 19 MiB and a thread that files and look-ups need too. */
const atOnce = 2
/** Those that may wait for their turn; a flood beyond them is turned away rather than queued without end. */
const mostWaiting = 100

/**
 * Hashes a new password, or a one-time secret.
 * @throws RATE_LIMITED when too many wait; the signal's reason when it aborts
 */
export function hashSecret(secret: string, signal?: AbortSignal): Promise<string> {
  return inTurn(() => argon2.hash(canonical(secret), cost, signal), signal)
}

/**
 * Whether a secret has this hash; `null` is nobody's, and takes as long.
 * @throws RATE_LIMITED when too many wait; the signal's reason when it aborts
 */
export function verifySecret(hash: string | null, secret: string, signal?: AbortSignal): Promise<boolean> {
  return inTurn(() => argon2.verify(hash ?? nobodysHash, canonical(secret), null, signal), signal)
}

/** Whether a hash is cheaper to try than those made now. */
export function isOutdated(hash: string): boolean {
  const { memoryCost, timeCost } = argon2.parseOptions(hash)
  return !hash.startsWith('$argon2id$') || memoryCost < cost.memoryCost || timeCost < cost.timeCost
}

/** One password, however a keyboard composes its letters (RFC 8265, §4.2). */
function canonical(secret: string): string {
  return secret.normalize('NFC')
}

let running = 0
const waiting = new Set<() => void>()

async function inTurn<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
  if (running >= atOnce) await turn(signal)
  else running += 1
  try {
    signal?.throwIfAborted()
    return await work()
  } finally {
    // The turn is handed on, so that whoever comes now cannot overtake those that wait.
    const next = waiting.values().next().value
    if (next === undefined) running -= 1
    else next()
  }
}

function turn(signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted()
  if (waiting.size >= mostWaiting) {
    throw codedError('RATE_LIMITED', 'Too many are signing in at once; try again in a moment.', { retryAfter: 1 })
  }
  return new Promise((resolve, reject) => {
    const begin = () => {
      leave()
      resolve()
    }
    const giveUp = () => {
      leave()
      reject(signal?.reason)
    }
    const leave = () => {
      waiting.delete(begin)
      signal?.removeEventListener('abort', giveUp)
    }
    waiting.add(begin)
    signal?.addEventListener('abort', giveUp)
  })
}

function unpadded(bytes: number): string {
  return Buffer.alloc(bytes).toString('base64').replaceAll('=', '')
}
