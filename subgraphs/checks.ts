import { conflict, invalidInput, type Problem, ProblemError } from '../lib/problems.ts'

/** What free data of a client may be, in every room. */
export const jsonLimits = { bytes: 16_384, depth: 8 } as const

const unkept = 'A text may hold neither the character U+0000 nor half of a surrogate pair.'

export type Path = readonly string[]

/** The first problem of several checks. */
export function firstProblem(...checks: (() => Problem | null)[]): Problem | null {
  for (const check of checks) {
    const problem = check()
    if (problem) return problem
  }
  return null
}

/** A text within its length that PostgreSQL can keep; what is not given is not checked. */
export function checkText(text: string | null | undefined, most: number, path: Path, least = 0): Problem | null {
  if (text == null) return null
  // A code point is at most two UTF-16 units, so only texts in between have to be counted.
  if (text.length > most && (text.length > 2 * most || [...text].length > most)) {
    return invalidInput(`At most ${most} characters.`, ...path)
  }
  if (text.length < least) return invalidInput(`At least ${least} character${least === 1 ? '' : 's'}.`, ...path)
  return isText(text) ? null : invalidInput(unkept, ...path)
}

/** A JSON object of bounded size and depth. */
export function checkObject(value: unknown, path: Path): Problem | null {
  if (value == null) return null
  if (typeof value !== 'object' || Array.isArray(value)) return invalidInput('A JSON object is needed.', ...path)
  return checkJson(value, jsonLimits.bytes, path)
}

/** A JSON value of bounded size and depth. */
export function checkJson(value: unknown, mostBytes: number, path: Path): Problem | null {
  if (value == null) return null
  if (depthOf(value, jsonLimits.depth) > jsonLimits.depth)
    return invalidInput(`Nested at most ${jsonLimits.depth} deep.`, ...path)
  const text = JSON.stringify(value)
  if (Buffer.byteLength(text) > mostBytes) return invalidInput(`At most ${mostBytes} bytes as JSON.`, ...path)
  if (!isTextAll(value)) return invalidInput(unkept, ...path)
  return null
}

/** A moment that has not passed. */
export function checkAhead(moment: Date | null | undefined, now: Date, path: Path): Problem | null {
  return moment != null && moment <= now ? invalidInput('That moment has passed.', ...path) : null
}

/** A share of a whole. */
export function checkShare(value: number | null | undefined, path: Path): Problem | null {
  return value != null && !(value >= 0 && value <= 1) ? invalidInput('A number from 0 to 1.', ...path) : null
}

/** @throws ProblemError when a client expects a thing at another version than it is at; at 0 it is not there yet. */
export function requireVersion(what: string, version: number, expected: number | null | undefined): void {
  if (expected == null || expected === version) return
  const message =
    version === 0 ? `There is no such ${what} yet.` : `The ${what} is at version ${version}, not ${expected}.`
  throw new ProblemError(conflict(message, 'input', 'expectedVersion'))
}

/** How deep objects and lists are nested, looked at no further than one beyond what is allowed. */
export function depthOf(value: unknown, allowed: number): number {
  if (value === null || typeof value !== 'object') return 0
  if (allowed === 0) return 1
  return 1 + Object.values(value).reduce((deepest, item) => Math.max(deepest, depthOf(item, allowed - 1)), 0)
}

/** PostgreSQL keeps neither NUL nor half of a surrogate pair. */
export function isText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Whether every text in a JSON value is one, its keys too. */
export function isTextAll(value: unknown): boolean {
  if (typeof value === 'string') return isText(value)
  if (value === null || typeof value !== 'object') return true
  return Object.entries(value).every(([key, item]) => isText(key) && isTextAll(item))
}
