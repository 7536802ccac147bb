export type VoteChoice = 'FOR' | 'AGAINST' | 'ABSTAIN'
export type ValidationStatus = 'UNVALIDATED' | 'VALIDATED' | 'DISPUTED' | 'REJECTED'

export interface Cast {
  readonly choice: VoteChoice
  readonly confidence: number
}

const majority = 2 / 3

/** What votes come to: the confidence for as a share of that for and against, decided once there are enough of them. */
export function verdictOf(
  votes: readonly Cast[],
  quorum: number,
): { readonly score: number; readonly status: ValidationStatus } {
  const sum = (choice: VoteChoice) =>
    votes.reduce((total, vote) => total + (vote.choice === choice ? vote.confidence : 0), 0)
  const decided = sum('FOR') + sum('AGAINST')
  const score = decided === 0 ? 0 : sum('FOR') / decided
  if (votes.length < quorum || decided === 0) return { score, status: 'UNVALIDATED' }
  if (score >= majority) return { score, status: 'VALIDATED' }
  return { score, status: score <= 1 - majority ? 'REJECTED' : 'DISPUTED' }
}
