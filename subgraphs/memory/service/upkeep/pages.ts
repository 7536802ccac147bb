import type { Stores } from '../../../../stores/stores.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { inNameOf } from '../../in-name-of.ts'
import type { Owner } from '../../store/upkeep.ts'

/** The job's name, which stands where a request has its trace. */
export const upkeepName = 'memory upkeep'
/** How long a page may take. Milliseconds. */
export const pageMs = 60_000

/**
 * Pages of work in an owner's name, each a transaction of its own, until there is no next.
 * @param most how many pages; what is left is for another time
 */
export async function inPages(
  stores: Stores,
  owner: Owner,
  most: number,
  work: (context: MemoryContext, unit: Unit, after: number) => Promise<number | null>,
): Promise<void> {
  let after: number | null = 0
  for (let page = 0; after !== null && page < most; page++) {
    const context = inNameOf(stores, owner, upkeepName, pageMs)
    const from: number = after
    const mutation = { name: upkeepName, input: {}, room: 'memory' } as const
    const answer = await mutate(stores, context.request, mutation, async (unit) => {
      return { __typename: 'Done', after: await work(context, unit, from) } satisfies Answer
    })
    after = 'after' in answer ? (answer.after as number | null) : null
  }
}
