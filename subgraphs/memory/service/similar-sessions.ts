import { maximumPageSize } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import type { MemoryContext } from '../context.ts'
import type { SessionRecord } from '../records.ts'

/** So many more are looked for than are shown: the vector of one that has just been deleted may still stand. */
const spare = 10

/** The viewer's sessions in which nearly the same was talked of, the most alike first. */
export async function similarSessions({ loaders }: MemoryContext, { id }: SessionRecord, first: number) {
  if (first < 1 || first > maximumPageSize) {
    throw codedError('BAD_USER_INPUT', `\`first\` must be 1–${maximumPageSize}, not ${first}.`)
  }
  const near = await loaders.conversationsNear(id, first + spare)
  const sessions = await Promise.all((near ?? []).map((hit) => loaders.session.load(hit.id)))
  const hits = (near ?? []).flatMap(({ score }, i) => (sessions[i] ? [{ session: sessions[i], score }] : []))
  return { hits: hits.slice(0, first), degraded: near === null ? ['VECTORS'] : [] }
}
