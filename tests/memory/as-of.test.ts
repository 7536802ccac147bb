import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { describeEachPostgres } from '../kit/postgres.ts'
import { viewerOf } from '../kit/room-world.ts'
import { type Data, type MemoryWorld, openMemoryWorld, verbs } from './world.ts'

/** What may happen to one of three memories; each step takes a second. */
type Step = { readonly n: number } & (
  | { readonly kind: 'revise' | 'forget' | 'share' | 'unshare' }
  | { readonly kind: 'show'; readonly visibility: 'PRIVATE' | 'SHARED' | 'PUBLIC' }
)

const n = fc.integer({ min: 0, max: 2 })
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('revise' as const), n }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('forget' as const), n }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('share' as const, 'unshare' as const), n }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('show' as const),
      n,
      visibility: fc.constantFrom('PRIVATE' as const, 'SHARED' as const, 'PUBLIC' as const),
    }),
  },
)

/** A memory as the simplest thing that could be right: a list of what it said since when. */
interface Modelled {
  readonly id: string
  readonly said: { content: string; visibility: string; from: number }[]
  granted: boolean
  forgotten: boolean
}

const words = (content: string) => content.split(' ')
/** What somebody knows of a memory when he asks now about then. */
function known(memory: Modelled, isOwner: boolean, then: number): string | null {
  if (memory.forgotten) return null
  const said = memory.said.findLast(({ from }) => from <= then)
  const now = memory.said.at(-1)?.visibility
  const sees = isOwner || now === 'PUBLIC' || (now === 'SHARED' && memory.granted)
  return said && sees && (isOwner || said.visibility !== 'PRIVATE') ? said.content : null
}

describeEachPostgres('what was known at a moment', (database) => {
  let world: MemoryWorld
  beforeAll(async () => {
    world = await openMemoryWorld({ database: database() })
    return () => world.close()
  })

  /** An owner and somebody of his tenant, alone in it. */
  async function people(): Promise<[Viewer, Viewer]> {
    const tenantId = crypto.randomUUID()
    const both: [Viewer, Viewer] = [viewerOf({ tenantId }), viewerOf({ tenantId })]
    await world.database.sql('INSERT INTO app.tenants (id, name) VALUES ($1, $2)', [tenantId, 'alone'])
    for (const { userId } of both) {
      await world.database.sql(
        `INSERT INTO users.users (id, tenant_id, username, email, role, created_at, updated_at)
         VALUES ($1::uuid, $2, $1::uuid::text, $1::uuid::text, 'MEMBER', now(), now())`,
        [userId, tenantId],
      )
    }
    return both
  }

  const listed = async (viewer: Viewer, asOf: Date): Promise<Record<string, string>> => {
    const { memories } = await world.ask(
      viewer,
      'query ($asOf: DateTime) { memories(asOf: $asOf, first: 100) { totalCount nodes { id content } } }',
      { asOf: asOf.toISOString() },
    )
    expect(memories.totalCount).toBe(memories.nodes.length)
    return Object.fromEntries(memories.nodes.map(({ id, content }: Data) => [id, content]))
  }
  const recalled = async (viewer: Viewer, query: string, asOf: Date | null): Promise<string[]> => {
    const { recall } = await world.ask(
      viewer,
      'query ($query: String!, $asOf: DateTime) { recall(query: $query, asOf: $asOf) { degraded hits { memory { content } } } }',
      { query, asOf: asOf?.toISOString() ?? null },
    )
    expect(recall.degraded).toEqual([])
    return recall.hits.map(({ memory }: Data) => memory.content)
  }

  test('is what a simple model says, at every moment, for the owner and for others, in lists and in recall', async () => {
    let serial = 0
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 10 }), async (steps) => {
        const [owner, other] = await people()
        const own = verbs(world, owner)
        const start = world.clock.now().getTime()
        const tick = () => {
          world.clock.advance(1000)
          return world.clock.now().getTime()
        }
        const say = () => `zebra${++serial}q of the pasture`
        const memories: Modelled[] = []
        for (let i = 0; i < 3; i++) {
          const [from, content] = [tick(), say()]
          const id = await own.remember(content)
          memories.push({ id, said: [{ content, visibility: 'PRIVATE', from }], granted: false, forgotten: false })
        }
        for (const each of steps) {
          const memory = memories[each.n] as Modelled
          await apply(own, other, memory, each, tick(), say)
        }
        const end = tick()
        for (let then = start; then <= end; then += 1000) {
          for (const viewer of [owner, other]) {
            const expected = memories.flatMap((memory) => {
              const content = known(memory, viewer === owner, then)
              return content === null ? [] : [[memory.id, content]]
            })
            expect(await listed(viewer, new Date(then))).toEqual(Object.fromEntries(expected))
          }
        }
        // Each word that was ever said, at a few moments: found when it was what was known, and else not, beside nothing
        // but what was known then.
        for (const memory of memories) {
          for (const { content, from } of memory.said) {
            const [word = ''] = words(content)
            for (const then of new Set([from, from + 500, end])) {
              for (const viewer of [owner, other]) {
                const isKnown = known(memory, viewer === owner, then) === content
                const [best, ...rest] = await recalled(viewer, word, new Date(then))
                if (isKnown) expect(best).toBe(content)
                const all = memories.map((each) => known(each, viewer === owner, then))
                for (const hit of isKnown ? rest : [best, ...rest]) expect([...all, undefined]).toContain(hit)
              }
            }
          }
        }
      }),
      { numRuns: 12 },
    )
  }, 240_000)

  async function apply(
    own: ReturnType<typeof verbs>,
    other: Viewer,
    memory: Modelled,
    what: Step,
    from: number,
    say: () => string,
  ): Promise<void> {
    if (memory.forgotten) return
    const { id, said } = memory
    const last = said.at(-1) ?? expect.unreachable()
    if (what.kind === 'revise') {
      const content = say()
      await own.act('revise', { id, content })
      said.push({ ...last, content, from })
    } else if (what.kind === 'show') {
      await own.act('revise', { id, visibility: what.visibility })
      said.push({ ...last, visibility: what.visibility, from })
    } else if (what.kind === 'forget') {
      await own.act('forget', { id })
      memory.forgotten = true
    } else {
      const verb = what.kind === 'share' ? 'shareMemory' : 'unshareMemory'
      const input = { id, subjectId: toGlobalId('User', other.userId) }
      await world.ask(
        own.viewer,
        `mutation ($input: ${verb === 'shareMemory' ? 'ShareMemoryInput' : 'UnshareMemoryInput'}!) { ${verb}(input: $input) { __typename } }`,
        { input },
      )
      memory.granted = what.kind === 'share'
      if (what.kind === 'share' && last.visibility === 'PRIVATE') said.push({ ...last, visibility: 'SHARED', from })
    }
  }

  test('filters by what was so then, and pages under one moment', async () => {
    const [owner] = await people()
    const own = verbs(world, owner)
    const ids = []
    for (let i = 0; i < 3; i++) ids.push(await own.remember(`Kept ${i}.`, { tier: 'WORKING', metadata: { n: i } }))
    world.clock.advance(1000)
    const asOf = world.clock.now().toISOString()
    world.clock.advance(1000)
    await own.act('revise', { id: ids[0], tier: 'SEMANTIC', metadata: { n: 9 } })
    await own.remember('Later.', { tier: 'WORKING' })
    const query = `query ($asOf: DateTime, $filter: MemoryFilter, $after: String) {
      memories(asOf: $asOf, filter: $filter, first: 2, orderBy: OLDEST_FIRST, after: $after) {
        totalCount nodes { id tier version } pageInfo { endCursor hasNextPage } } }`
    const filter = { tiers: ['WORKING'] }
    const { memories: page } = await world.ask(owner, query, { asOf, filter })
    expect(page).toMatchObject({ totalCount: 3, nodes: [{ id: ids[0], tier: 'WORKING', version: 1 }, { id: ids[1] }] })
    const { memories: next } = await world.ask(owner, query, { asOf, filter, after: page.pageInfo.endCursor })
    expect(next).toMatchObject({ nodes: [{ id: ids[2] }], pageInfo: { hasNextPage: false } })
    const { memories: present } = await world.ask(owner, query, { filter })
    expect(present.totalCount).toBe(3)
    // A cursor of one moment is none of another.
    const { errors } = await world.run(owner, query, { filter, after: page.pageInfo.endCursor })
    expect(errors).toMatchObject([{ code: 'BAD_USER_INPUT' }])
    const search = `query ($asOf: DateTime, $filter: MemoryFilter) { recall(query: "kept", asOf: $asOf, filter: $filter) {
      pending hits { memory { id } } } }`
    const { recall } = await world.ask(owner, search, { asOf, filter: { metadata: { n: 0 } } })
    expect(recall.hits).toEqual([{ memory: { id: ids[0] } }])
    expect(recall.pending).toBe(0)
    expect((await world.ask(owner, search, { filter: { metadata: { n: 0 } } })).recall.hits).toEqual([])
  })

  const byMeaning = `query ($asOf: DateTime, $filter: MemoryFilter) {
    recall(query: "hospital surgery", asOf: $asOf, filter: $filter) {
      pending degraded hits { memory { id content version } why { part } } } }`
  const before = [
    'The physician examined a patient.',
    'An invoice of the gas works.',
    'A bicycle with three gears.',
    'Tickets for the opera.',
  ] as const

  /** An owner who has revised all that he knew; somebody of his tenant; the moment before; and a way to ask about it. */
  async function revised() {
    const [owner, other] = await people()
    const own = verbs(world, owner)
    const ids: string[] = []
    for (const content of before) ids.push(await own.remember(content))
    world.clock.advance(1000)
    const asOf = world.clock.now().toISOString()
    world.clock.advance(1000)
    for (const id of ids) await own.act('revise', { id, content: 'The kettle whistles.', visibility: 'PUBLIC' })
    const ask = async (more: Data, who = owner): Promise<Data> => {
      const { thesaurus } = world.stores
      // Words that are used alike would be searched for, too.
      const related = async (words: readonly string[]) => words.map(() => new Map<string, number>())
      Object.assign(world.stores, { thesaurus: { related } })
      const { recall } = await world.ask(who, byMeaning, more)
      Object.assign(world.stores, { thesaurus })
      return recall
    }
    return { own, other, ids, asOf, ask }
  }

  test('is found by meaning where no word of the question was said, though it was revised since', async () => {
    const { own, other, ids, asOf, ask } = await revised()
    const then = await ask({ asOf })
    expect(then).toMatchObject({ pending: 0, degraded: [] })
    expect(then.hits[0].memory).toEqual({ id: ids[0], content: before[0], version: 1 })
    expect(then.hits[0].why.map(({ part }: Data) => part)).toContain('vector')
    expect(then.hits.map(({ memory }: Data) => memory.content).sort()).toEqual([...before].sort())
    expect((await ask({ asOf, filter: { tiers: ['SEMANTIC'] } })).hits).toEqual([])
    // Who sees it since it says something else does not see what it said.
    expect((await ask({ asOf }, other)).hits).toEqual([])
    await own.act('forget', { id: ids[0] })
    expect((await ask({ asOf })).hits).toHaveLength(before.length - 1)
  })

  test('is compared up to a million characters, and what is left is counted', async () => {
    const [owner] = await people()
    const own = verbs(world, owner)
    const ids = []
    for (let n = 0; n < 17; n++) ids.push(await own.remember(`${n} ${'surgery '.repeat(8_000)}`))
    world.clock.advance(1000)
    const asOf = world.clock.now().toISOString()
    world.clock.advance(1000)
    for (const id of ids) await own.act('revise', { id, content: 'The kettle whistles.' })
    const { recall } = await world.ask(owner, byMeaning, { asOf })
    expect([recall.hits.length, recall.pending]).toEqual([10, 2])
  }, 60_000)

  test.each([
    ['fails', () => Promise.reject(new Error('the encoder is gone'))],
    [
      'does not answer',
      (signal: AbortSignal) => new Promise<never>((_, no) => signal.addEventListener('abort', () => no(signal.reason))),
    ],
  ])('is not found by meaning while the encoder %s, which is named', async (_, fail) => {
    const { asOf, ask } = await revised()
    const { encoder } = world.stores
    const encode = (texts: readonly string[], signal = AbortSignal.abort()) =>
      texts.length > 1 ? fail(signal) : encoder.encode(texts)
    Object.assign(world.stores, { encoder: { ...encoder, encode } })
    expect(await ask({ asOf })).toEqual({ degraded: ['VECTORS'], pending: 0, hits: [] })
    Object.assign(world.stores, { encoder })
  })

  test('what is forgotten leaves no word behind', async () => {
    const [owner] = await people()
    const own = verbs(world, owner)
    const id = await own.remember('The xylophone.')
    world.clock.advance(1000)
    await own.act('revise', { id, content: 'The vibraphone.' })
    const left = () => world.database.sql('SELECT FROM memory.past_postings WHERE owner_id = $1', [owner.userId])
    expect(await left()).not.toEqual([])
    await own.act('forget', { id })
    expect(await left()).toEqual([])
  })
})
