import { codedError } from '../../lib/errors.ts'

/** Which part of a list that is bounded by itself: it has no cursors. */
export interface Slice {
  readonly from?: number | null
  readonly first?: number | null
}

const most = 1_000

/** @throws BAD_USER_INPUT outside of its bounds */
export function sliceOf<T>(list: readonly T[], slice: Slice): readonly T[] {
  return list.slice(...boundsOf(slice))
}

/** Where a slice begins, and where it ends: as `slice` of an array takes them. @throws BAD_USER_INPUT */
export function boundsOf({ from, first }: Slice): [begin: number, end: number] {
  const begin = from ?? 0
  const length = first ?? 100
  if (begin < 0) throw codedError('BAD_USER_INPUT', '`from` begins at 0.')
  if (length < 1 || length > most) throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${most}.`)
  return [begin, begin + length]
}
