import { z } from 'zod'

/** A whole number within bounds. */
export const number = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d+$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().min(min, `must be at least ${min}`).max(max, `must be at most ${max}`))
/** The same, with what it is unless it is set. */
export const count = (min: number, max: number, byDefault: number) => number(min, max).default(byDefault)
export const url = (...schemes: string[]) =>
  z
    .string()
    .refine((text) => schemes.some((scheme) => text.startsWith(`${scheme}://`)) && URL.canParse(text), {
      error: `must be a URL that begins with ${schemes.map((scheme) => `${scheme}://`).join(' or ')}`,
    })
    .optional()
/** Messages name addresses, so a secret has a setting of its own. */
export const providerUrl = url('http', 'https').refine((text) => text === undefined || !isSecretive(text), {
  error: 'must hold no user or password: a key has a setting of its own',
})
export const origins = z
  .string()
  .transform((text) => text.split(',').map((origin) => origin.trim()))
  .refine((list) => list.every((origin) => origin === '*' || isOrigin(origin)), {
    error: 'must be * or a comma-separated list of origins such as https://app.example.com',
  })
  .default([])

/** A key in PEM; the line breaks may be written as \\n, as an environment often has to. */
export const pem = (read: (text: string) => unknown, what: string) =>
  z
    .string()
    .transform((text) => text.replaceAll('\\n', '\n'))
    .refine((text) => succeeds(() => read(text)), { error: `must be ${what} in PEM` })
    .optional()

export const fieldRates = z
  .string()
  .transform((text) => text.split(',').map((part) => /^\s*(\w+)\s*=\s*([1-9]\d{0,8})\s*$/.exec(part)))
  .refine((parts) => parts.every((part) => part !== null), { error: 'must be fields with numbers, such as signUp=60' })
  .transform((parts) => new Map(parts.map((part) => [part?.[1] ?? '', Number(part?.[2])])))
  .optional()

export const choice = (byDefault: boolean) =>
  z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .transform((text) => text === 'true')
    .default(byDefault)

export function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text
}

function isSecretive(address: string): boolean {
  return URL.canParse(address) && new URL(address).username + new URL(address).password !== ''
}

export function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
