import { limitExceeded, type Problem } from '../../lib/problems.ts'
import { jsonLimits, type Path } from '../checks.ts'

export {
  checkAhead,
  checkJson,
  checkObject,
  checkShare,
  checkText,
  firstProblem,
  type Path,
  requireVersion,
} from '../checks.ts'

/**
 * What the schema's descriptions promise, in one place, and docs/memory.md lists. Lengths are in characters (code points). A
 * value that is too long, too large or too deep is invalid input; too many of something exceed a limit.
 */
export const limits = {
  memoryContent: 65_536,
  messageContent: 262_144,
  name: 256,
  title: 512,
  query: 2_000,
  batch: 1_000,
  analysed: 100,
  jsonBytes: jsonLimits.bytes,
  toolCalls: 128,
  toolArgumentsBytes: 65_536,
  contextEntries: 1_000,
  comment: 4_000,
  routedTools: 128,
  toolDescription: 2_000,
  chainSteps: 100,
  thought: 16_384,
  stepEvidence: 20,
  evidence: 2_000,
  grants: 100,
  relationships: 1_000,
  relationshipType: 50,
  linked: 100,
  sharedSearched: 5_000,
  policyRules: 100,
  ruleUsers: 100,
  maskedWords: 50,
  maskedWord: 100,
  storedVectors: 100,
  synced: 100,
  recalledForTurn: 20,
  audioBytes: 4_194_304,
  days: 36_500,
} as const

/** A list that is given holds something, and not too much. */
export function checkCount(list: readonly unknown[] | null | undefined, most: number, path: Path): Problem | null {
  if (list == null || (list.length >= 1 && list.length <= most)) return null
  return limitExceeded(`1–${most.toLocaleString('en')} of them, not ${list.length}.`, ...path)
}

/** How much of something is done at once. */
export function checkBatchSize(most: number | null | undefined, path: Path): Problem | null {
  if (most == null || (most >= 1 && most <= limits.batch)) return null
  return limitExceeded(`1 to ${limits.batch} at once, not ${most}.`, ...path)
}
