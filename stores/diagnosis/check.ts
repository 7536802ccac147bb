/** One thing that was looked at, and what was found. */
export interface Check {
  readonly name: string
  readonly healthy: boolean
  /** What was found, in words; never a secret. */
  readonly detail: string
  readonly tookMs: number
}

/** Looks at one thing; answers what was found, or throws what is wrong. */
export interface Examination {
  readonly name: string
  look(): Promise<string>
}

/** What is wrong with what was looked at, in words fit for whoever runs the system. */
export class Unhealthy extends Error {
  override readonly name = 'Unhealthy'
}

/** How long one look may take; a store that does not answer is not well. Milliseconds. */
const patienceMs = 15_000

export function examine(examinations: readonly Examination[]): Promise<Check[]> {
  return Promise.all(examinations.map(run))
}

async function run({ name, look }: Examination): Promise<Check> {
  const start = performance.now()
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Unhealthy(`no answer within ${patienceMs / 1000} s`)), patienceMs)
  try {
    const detail = await Promise.race([look(), late])
    return { name, healthy: true, detail, tookMs: performance.now() - start }
  } catch (error) {
    // Another error's words may hold an address with a password; its name tells enough here, the log the rest.
    const detail = error instanceof Unhealthy ? error.message : `failed: ${(error as Error).name}`
    return { name, healthy: false, detail, tookMs: performance.now() - start }
  } finally {
    clearTimeout(timer)
  }
}

/** @throws Unhealthy with the words unless it holds */
export function insist(holds: boolean, otherwise: string): void {
  if (!holds) throw new Unhealthy(otherwise)
}
