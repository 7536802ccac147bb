import type { RequestContext } from '../../../lib/context.ts'
import type { Requirement } from './rules.ts'

/**
 * Says which of the named policies the viewer of a request meets. Those that it does not name are refused; when it
 * throws, the operation fails as a whole.
 */
export type PolicyJudge = (
  policies: readonly string[],
  context: RequestContext,
) => ReadonlySet<string> | Promise<ReadonlySet<string>>

/** Meets none: a graph that uses `@policy` must be told what its policies mean. */
export const noPolicies: PolicyJudge = () => new Set()

export interface Judgement {
  readonly isSignedIn: boolean
  /** Keys of the requirements that are not met. */
  readonly refused: ReadonlySet<string>
}

export async function judge(
  requirements: readonly Requirement[],
  context: RequestContext,
  policies: PolicyJudge,
): Promise<Judgement> {
  const isSignedIn = context.viewer !== null
  const scopes = new Set(context.viewer?.scopes)
  const named = [...new Set(requirements.flatMap((requirement) => requirement.policies ?? []).flat())]
  const met = named.length > 0 ? await policies(named, context) : new Set<string>()
  const isMet = (requirement: Requirement) =>
    (isSignedIn || !requirement.authenticated) &&
    isGranted(requirement.scopes, scopes) &&
    isGranted(requirement.policies, met)
  return {
    isSignedIn,
    refused: new Set(requirements.filter((requirement) => !isMet(requirement)).map(({ key }) => key)),
  }
}

/** Whether all of one list are granted; nothing asked for is always granted. */
function isGranted(wanted: readonly (readonly string[])[] | undefined, granted: ReadonlySet<string>): boolean {
  return wanted === undefined || wanted.some((all) => all.every((name) => granted.has(name)))
}
