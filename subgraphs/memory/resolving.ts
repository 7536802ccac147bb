import { codedError } from '../../lib/errors.ts'
import type { Followed } from '../follow.ts'
import { requireViewer } from '../security.ts'
import type { MemoryContext } from './context.ts'

/** A mutation's answer names its objects by id; what a client selects of them is read again, after the write. */
export function mutation<I, A>(verb: (context: MemoryContext, input: I) => Promise<A>) {
  return (_: unknown, { input }: { readonly input: I }, context: MemoryContext) => {
    // Asked first: a stranger is not told what is wrong with his input.
    requireViewer(context.request)
    context.renew()
    return verb(context, input)
  }
}

/** What an answer names. An answer given again may name what has gone since. */
export async function named<T>(loading: Promise<T | null>): Promise<T> {
  const found = await loading
  if (found === null) throw codedError('BAD_USER_INPUT', 'What this answer names has been forgotten since.')
  return found
}

/** What a subscription's field shows of an event. */
export const shown = <T>({ value }: Followed<T>): T => value
