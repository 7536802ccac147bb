import { invalidInput, type Problem, ProblemError } from '../../lib/problems.ts'

const usernamePattern = /^[A-Za-z0-9_.-]{3,32}$/
const emailPattern = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+$/u
/** RFC 5321, §4.5.3.1.3. */
const longestEmail = 254

/** What is wrong with an account's data, if anything. */
export function accountProblem(input: { email: string; username: string; password: string }): Problem | null {
  if (!isEmail(input.email)) {
    return invalidInput(`An email address has one \`@\` and at most ${longestEmail} characters.`, 'input', 'email')
  }
  if (!usernamePattern.test(input.username)) {
    return invalidInput('A username has 3–32 letters (a–z), digits, `_`, `-` or `.`.', 'input', 'username')
  }
  return passwordProblem(input.password, 'password')
}

export function isEmail(text: string): boolean {
  return emailPattern.test(text) && text.length <= longestEmail && text.isWellFormed()
}

/** @param field the input field that holds the password. */
export function passwordProblem(password: string, field: string): Problem | null {
  const characters = [...password].length
  if (characters >= 8 && characters <= 256) return null
  return invalidInput('A password has 8–256 characters.', 'input', field)
}

/** In bytes of JSON. */
const largestObject = 16 * 1024
const largestValue = 64 * 1024
const keyPattern = /^[A-Za-z0-9_.:-]{1,128}$/
const timezones = /^[A-Za-z0-9_+/-]{1,64}$/

/** A text of the input; null when it is taken away. @throws ProblemError when it is empty, too long or no text */
export function checkText(text: string | null, field: string, longest: number): string | null {
  if (text === null) return null
  const characters = [...text].length
  if (characters >= 1 && characters <= longest && text.isWellFormed() && !/\p{Cc}/u.test(text)) return text
  throw new ProblemError(
    invalidInput(`\`${field}\` has 1–${longest} characters, and none that controls.`, 'input', field),
  )
}

/** @throws ProblemError */
export function checkServiceName(name: string): string {
  if (usernamePattern.test(name)) return name
  throw new ProblemError(invalidInput('A name has 3–32 letters (a–z), digits, `_`, `-` or `.`.', 'input', 'name'))
}

/** A name of the IANA time zone database. @throws ProblemError */
export function checkTimezone(timezone: string | null): string | null {
  if (
    timezone === null ||
    (timezones.test(timezone) && isTaken(() => Intl.DateTimeFormat('en', { timeZone: timezone })))
  ) {
    return timezone
  }
  throw new ProblemError(invalidInput('A time zone is named as in `Europe/Vienna`.', 'input', 'timezone'))
}

/** A language tag (BCP 47). @throws ProblemError */
export function checkLocale(locale: string | null): string | null {
  if (locale === null || (locale.length <= 35 && isTaken(() => new Intl.Locale(locale)))) return locale
  throw new ProblemError(invalidInput('A locale is a language tag such as `de-AT`.', 'input', 'locale'))
}

/** @throws ProblemError */
export function checkKey(key: string): string {
  if (keyPattern.test(key)) return key
  throw new ProblemError(invalidInput('A key has 1–128 letters (a–z), digits, `_`, `-`, `.` or `:`.', 'input', 'key'))
}

/** Free data of the client: an object; null when it is taken away. @throws ProblemError */
export function checkObject(value: unknown, field: string): unknown {
  if (value === null) return null
  if (typeof value === 'object' && !Array.isArray(value)) return checkJson(value, field, largestObject)
  throw new ProblemError(invalidInput(`\`${field}\` is an object.`, 'input', field))
}

/** Any JSON; null when it is taken away. @throws ProblemError */
export function checkValue(value: unknown): unknown {
  return value === undefined || value === null ? null : checkJson(value, 'value', largestValue)
}

function checkJson(value: unknown, field: string, largest: number): unknown {
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > largest) {
    throw new ProblemError(invalidInput(`\`${field}\` is at most ${largest / 1024} KB of JSON.`, 'input', field))
  }
  // PostgreSQL's text can hold neither.
  if (text.includes('\\u0000') || /\\ud[89a-f]/i.test(text)) {
    throw new ProblemError(invalidInput(`\`${field}\` holds what is not a character.`, 'input', field))
  }
  return value
}

function isTaken(make: () => unknown): boolean {
  try {
    make()
    return true
  } catch {
    return false
  }
}
