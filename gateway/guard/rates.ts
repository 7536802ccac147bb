import { GraphQLError } from 'graphql'
import type { Viewer } from '../../lib/context.ts'
import type { Limits, Rule, Taken } from '../../stores/limits/port.ts'

/** How many operations may be asked for within a minute; 0 for any number. */
export interface RateSettings {
  readonly perUser: number
  /** Of everyone at an address, signed in or not. */
  readonly perAddress: number
  /** Fields of the root with a limit of their own, for each user, or each address where nobody has signed in. */
  readonly perField: ReadonlyMap<string, number>
}

/** Who asks for an operation, and which. */
export interface RatedOperation {
  readonly viewer: Viewer | null
  readonly address: string | undefined
  /** Its fields of the root, each as often as it runs. */
  readonly fields: readonly string[]
}

/** What is left of the limit that is nearest. */
export interface RateBalance {
  readonly limit: number
  readonly remaining: number
  /** Seconds until all of it is there again. */
  readonly resetsIn: number
}

/** More operations than a minute allows. */
export class RateLimited extends GraphQLError {
  readonly balance: RateBalance

  constructor(what: string, balance: RateBalance) {
    const message = `At most ${balance.limit} ${what} a minute; try again in ${balance.resetsIn} s.`
    super(message, { extensions: { code: 'RATE_LIMITED', retryAfter: balance.resetsIn } })
    this.balance = balance
  }
}

const seconds = 60

/** The counting of operations, where some of the settings limit it. */
export function openRates(settings: Partial<RateSettings>, limits: Limits): Rates | undefined {
  const all: RateSettings = { perUser: 0, perAddress: 0, perField: new Map(), ...settings }
  const isLimited = all.perUser > 0 || all.perAddress > 0 || all.perField.size > 0
  return isLimited ? new Rates(all, limits) : undefined
}

interface Count {
  readonly rule: Rule
  readonly key: string
  readonly what: string
}

/** Counts operations by user, address and field, each within a minute that opens with the first one. */
export class Rates {
  readonly #limits: Limits
  readonly #byUser: Rule | undefined
  readonly #byAddress: Rule | undefined
  readonly #byField: ReadonlyMap<string, Rule>

  constructor({ perUser, perAddress, perField }: RateSettings, limits: Limits) {
    this.#limits = limits
    this.#byUser = perUser === 0 ? undefined : { name: 'requests-user', points: perUser, seconds }
    this.#byAddress = perAddress === 0 ? undefined : { name: 'requests-address', points: perAddress, seconds }
    this.#byField = new Map(
      [...perField].map(([field, points]) => [field, { name: `requests-field-${field}`, points, seconds }]),
    )
  }

  /**
   * Counts an operation before it runs; undefined when no limit holds for it.
   * @throws RateLimited
   */
  async count(rated: RatedOperation): Promise<RateBalance | undefined> {
    const counts = this.#countsOf(rated)
    if (counts.length === 0) return undefined
    const taken = await Promise.all(counts.map(({ rule, key }) => this.#limits.take(rule, key)))
    const full = taken.findIndex(({ allowed }) => !allowed)
    if (full >= 0)
      throw new RateLimited((counts[full] as Count).what, balanceOf(counts[full] as Count, taken[full] as Taken))
    const balances = counts.map((count, index) => balanceOf(count, taken[index] as Taken))
    return balances.reduce((nearest, balance) => (balance.remaining < nearest.remaining ? balance : nearest))
  }

  #countsOf({ viewer, address, fields }: RatedOperation): Count[] {
    const counts: Count[] = []
    const user = viewer && `${viewer.tenantId} ${viewer.userId}`
    if (this.#byUser && user !== null) counts.push({ rule: this.#byUser, key: user, what: 'operations of a user' })
    if (this.#byAddress && address !== undefined) {
      counts.push({ rule: this.#byAddress, key: address, what: 'operations from an address' })
    }
    const who = user ?? address
    if (this.#byField.size === 0 || who === undefined) return counts
    for (const field of fields) {
      const rule = this.#byField.get(field)
      if (rule) counts.push({ rule, key: who, what: `of "${field}"` })
    }
    return counts
  }
}

function balanceOf({ rule }: Count, { remaining, resetsInMs }: Taken): RateBalance {
  return { limit: rule.points, remaining, resetsIn: Math.max(1, Math.ceil(resetsInMs / 1000)) }
}
