import { codedError } from '../../lib/errors.ts'

/** Which part of a list that is bounded by itself: it has no cursors. */
export interface Slice {
  readonly from?: number | null
  readonly first?: number | null
}

const most = 1_000

/** @throws BAD_USER_INPUT outside of its bounds */
export function sliceOf<T>(list: readonly T[], { from, first }: Slice): readonly T[] {
  const start = from ?? 0
  const length = first ?? 100
  if (start < 0) throw codedError('BAD_USER_INPUT', '`from` begins at 0.')
  if (length < 1 || length > most) throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${most}.`)
  return list.slice(start, start + length)
}
