import { codedError } from '../../lib/errors.ts'

export interface CrowdLimits {
  readonly perUser: number
  readonly perAddress: number
}

/** Connections of the machine's own, over a unix socket, are not counted by address. */
const ownAddress = 'local'

/** Counts the sockets and streams that are open, by user and by address, and lets no more in than the limits say. */
export class Crowd {
  readonly #limits: CrowdLimits
  readonly #counts = new Map<string, number>()

  constructor(limits: CrowdLimits) {
    this.#limits = limits
  }

  /** @returns what lets the place go again, or null when there is none */
  enterFrom(address: string): (() => void) | null {
    return address === ownAddress ? () => {} : this.#enter(`address ${address}`, this.#limits.perAddress)
  }

  /** @returns what lets the place go again, or null when there is none */
  enterAs(userId: string | undefined): (() => void) | null {
    return userId === undefined ? () => {} : this.#enter(`user ${userId}`, this.#limits.perUser)
  }

  /** Both at once. @throws RATE_LIMITED */
  enter(address: string, userId: string | undefined): () => void {
    const leaveAddress = this.enterFrom(address)
    const leaveUser = leaveAddress && this.enterAs(userId)
    if (leaveAddress && leaveUser) {
      return () => {
        leaveAddress()
        leaveUser()
      }
    }
    leaveAddress?.()
    throw codedError('RATE_LIMITED', 'Too many open connections.')
  }

  #enter(key: string, limit: number): (() => void) | null {
    const count = this.#counts.get(key) ?? 0
    if (count >= limit) return null
    this.#counts.set(key, count + 1)
    let isIn = true
    return () => {
      if (!isIn) return
      isIn = false
      const left = (this.#counts.get(key) ?? 1) - 1
      if (left === 0) this.#counts.delete(key)
      else this.#counts.set(key, left)
    }
  }
}
