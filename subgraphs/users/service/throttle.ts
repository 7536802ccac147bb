import { createHash } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { codedError } from '../../../lib/errors.ts'
import type { Rule } from '../../../stores/limits/port.ts'
import type { UsersContext } from '../context.ts'

/** Wrong secrets for one name from one place. Others who sign in with that name go on. */
const byBoth: Rule = { name: 'sign-in-both', points: 10, seconds: 15 * 60 }
/** Wrong secrets for one name from anywhere: guessing from many places (NIST SP 800-63B-4, §3.2.2: at most 100). */
const byLogin: Rule = { name: 'sign-in-login', points: 100, seconds: 60 * 60 }
/** Wrong secrets for any name from one place: one password tried on many names. */
const byAddress: Rule = { name: 'sign-in-address', points: 100, seconds: 15 * 60 }
/** Wrong second factors of one user: whoever tries them has the password already. */
const bySecondFactor: Rule = { name: 'second-factor', points: 5, seconds: 15 * 60 }

interface Count {
  readonly rule: Rule
  readonly key: string
}

/** An attempt that counts as a failure until it has succeeded, so that many at once are no way round the limit. */
export interface Attempt {
  succeeded(): Promise<void>
}

/**
 * Counts an attempt to sign in under a name. Names that nobody has are counted alike.
 * @throws RATE_LIMITED when too many have failed
 */
export async function attemptSignIn(context: UsersContext, login: string): Promise<Attempt> {
  const name = login.normalize('NFC').toLowerCase()
  const network = networkOf(context.request.peer?.address ?? '')
  const both = { rule: byBoth, key: keyOf(name, network) }
  const others = [
    { rule: byLogin, key: keyOf(name) },
    { rule: byAddress, key: keyOf(network) },
  ]
  await takeAll(context, [both, ...others])
  const { limits } = context.stores
  return {
    async succeeded() {
      await limits.reset(both.rule, both.key)
      await Promise.all(others.map(({ rule, key }) => limits.giveBack(rule, key)))
    },
  }
}

/**
 * Counts an attempt to prove a second factor.
 * @throws RATE_LIMITED when too many have failed
 */
export async function attemptSecondFactor(context: UsersContext, userId: string): Promise<Attempt> {
  await takeAll(context, [{ rule: bySecondFactor, key: userId }])
  return { succeeded: () => context.stores.limits.reset(bySecondFactor, userId) }
}

async function takeAll({ stores }: UsersContext, counts: readonly Count[]): Promise<void> {
  const taken = await Promise.all(counts.map(({ rule, key }) => stores.limits.take(rule, key)))
  const refused = taken.filter(({ allowed }) => !allowed)
  if (refused.length === 0) return
  const retryAfter = Math.ceil(Math.max(...refused.map(({ resetsInMs }) => resetsInMs)) / 1000)
  throw codedError('RATE_LIMITED', `Too many attempts have failed; try again in ${retryAfter} s.`, { retryAfter })
}

/** Hashed, so that the counts do not list who signs in from where, and no name is too long. */
function keyOf(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}

/** Whoever has an IPv6 address has 2^64 of them: the first half is the place (RFC 6177). */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address
  const [head = '', tail = ''] = address.split('::')
  const [left, right] = [head, tail].map((part) => (part === '' ? [] : part.split(':')))
  const missing = address.includes('::') ? 8 - (left?.length ?? 0) - (right?.length ?? 0) : 0
  return [...(left ?? []), ...Array<string>(missing).fill('0'), ...(right ?? [])].slice(0, 4).join(':')
}
