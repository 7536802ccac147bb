import type { Problem } from '../../../lib/problems.ts'

export interface BatchProblem extends Problem {
  readonly problems: readonly Problem[]
}

/** Refuses a batch for what is wrong with its items; each problem's path begins with its item's index. */
export function rejectBatch(problems: readonly Problem[], size: number, list: string): BatchProblem {
  const message = `${problems.length} of ${size} were refused, so none was taken.`
  return { __typename: 'BatchRejected', code: 'BATCH_REJECTED', message, path: ['input', list], problems }
}
