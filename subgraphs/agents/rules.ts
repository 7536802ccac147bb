import { invalidInput, limitExceeded, ProblemError } from '../../lib/problems.ts'
import { depthOf, isText, isTextAll } from '../checks.ts'

const agentIdPattern = /^[A-Za-z0-9_.:-]{1,50}$/
const mostCapabilities = 50
/** In bytes of JSON. */
const largestObject = 16 * 1024
const largestPayload = 64 * 1024
const deepestPayload = 16
/** Leaves room for two thousand million events before the time would overflow its column. */
const latestSeen = 2 ** 30

/** @throws ProblemError */
export function checkAgentId(agentId: string): string {
  if (agentIdPattern.test(agentId)) return agentId
  throw invalid('An `agentId` has 1–50 letters (a–z), digits, `_`, `-`, `.` or `:`.', 'agentId')
}

/** A text of the input; null when it is left out. @throws ProblemError when it is empty, too long or no text. */
export function checkText(text: string | null | undefined, field: string, longest: number): string | null {
  if (text === null || text === undefined) return null
  const characters = [...text].length
  if (characters < 1 || characters > longest) throw invalid(`\`${field}\` has 1–${longest} characters.`, field)
  if (!isText(text)) throw invalid(`\`${field}\` holds what is not a character.`, field)
  return text
}

/** @throws ProblemError */
export function checkCapabilities(capabilities: readonly string[]): string[] {
  if (capabilities.length > mostCapabilities) {
    throw invalid(`An agent has at most ${mostCapabilities} capabilities.`, 'capabilities')
  }
  for (const capability of capabilities) checkText(capability, 'capabilities', 100)
  return [...new Set(capabilities)]
}

/** Free data of the client: an object; null when it is left out. @throws ProblemError */
export function checkObject(value: unknown, field: string): unknown {
  if (value === null || value === undefined) return null
  if (typeof value !== 'object' || Array.isArray(value)) throw invalid(`\`${field}\` is an object.`, field)
  checkJson(value, field, largestObject)
  return value
}

/** @throws ProblemError */
export function checkPayload(payload: unknown): unknown {
  checkJson(payload, 'payload', largestPayload)
  return payload
}

/** @throws ProblemError */
export function checkSeen(seen: number | null | undefined): number {
  if (seen === null || seen === undefined) return 0
  if (seen >= 0 && seen <= latestSeen) return seen
  throw invalid(`\`seenTimestamp\` is 0–${latestSeen}.`, 'seenTimestamp')
}

function checkJson(value: unknown, field: string, largest: number): void {
  // Depth first: only what is known to be shallow is safe to walk to its end.
  if (depthOf(value, deepestPayload) > deepestPayload) {
    throw new ProblemError(limitExceeded(`\`${field}\` is nested at most ${deepestPayload} deep.`, 'input', field))
  }
  if (Buffer.byteLength(JSON.stringify(value)) > largest) {
    throw new ProblemError(limitExceeded(`\`${field}\` has at most ${largest / 1024} KB.`, 'input', field))
  }
  if (!isTextAll(value)) throw invalid(`\`${field}\` holds what is not a character.`, field)
}

function invalid(message: string, field: string): ProblemError {
  return new ProblemError(invalidInput(message, 'input', field))
}
