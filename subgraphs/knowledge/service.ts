import { type Connection, mapConnection, type PageArguments, parsePage, toConnection } from '../../lib/connection.ts'
import { codedError } from '../../lib/errors.ts'
import { uuidOf } from '../../lib/ids.ts'
import type { GraphLink } from '../../stores/graph/port.ts'
import { requireViewer, securityOf } from '../security.ts'
import type { KnowledgeContext } from './context.ts'
import { conceptKey } from './extraction/key.ts'
import { type Concept, type Mention, toConcept, toMention } from './mappers.ts'
import { type ConceptFilter, countConcepts, listConcepts } from './store.ts'

const longestSearch = 200
const relatedByDefault = 10

/** A connection whose total is counted when it is asked for. */
export interface CountedConnection<T> extends Connection<T> {
  totalCount(): number | Promise<number>
}

export interface ConceptRelation {
  readonly concept: Concept
  readonly type: string
  readonly strength: number
  readonly support: number
}

export interface ConceptLink {
  readonly from: Concept
  readonly to: Concept
  readonly type: string
  readonly strength: number
}

/** The viewer's concept of a global id, or null. */
export async function conceptOfRow({ request, loaders }: KnowledgeContext, rowId: string): Promise<Concept | null> {
  requireViewer(request)
  const found = await loaders.concepts.load(rowId)
  return found && toConcept(found)
}

async function conceptOfId(context: KnowledgeContext, id: string): Promise<Concept | null> {
  requireViewer(context.request)
  const rowId = uuidOf('Concept', id)
  return rowId === null ? null : conceptOfRow(context, rowId)
}

/** @throws BAD_USER_INPUT unless exactly one of id and name is given. */
export async function findConcept(
  context: KnowledgeContext,
  { id, name }: { readonly id?: string | null; readonly name?: string | null },
): Promise<Concept | null> {
  requireViewer(context.request)
  if ((id == null) === (name == null)) throw bad('Give `id` or `name`, one of them.')
  if (id != null) return conceptOfId(context, id)
  const found = await context.loaders.conceptsByKey.load(conceptKey(name as string))
  return found && toConcept(found)
}

/** @throws BAD_USER_INPUT for a search that is too long, and for pages out of bounds. */
export async function findConcepts(
  { stores, request, loaders }: KnowledgeContext,
  args: PageArguments & { readonly search?: string | null; readonly category?: string | null },
): Promise<CountedConnection<Concept>> {
  requireViewer(request)
  const { search = null, category = null } = args
  if (search !== null && search.length > longestSearch) {
    throw bad(`\`search\` may have at most ${longestSearch} characters.`)
  }
  const filter: ConceptFilter = { prefix: (search !== null && conceptKey(search)) || null, category }
  const page = parsePage(args, ['concepts', filter])
  const security = securityOf(request, 'knowledge')
  const rows = await stores.postgres.read(security, (db) => listConcepts(db, filter, page))
  const connection = toConnection(loaders.remember(rows), page, (row) =>
    filter.prefix === null ? [row.ordinal] : [row.mentionCount, row.ordinal],
  )
  return {
    ...mapConnection(connection, toConcept),
    totalCount: () => stores.postgres.read(security, (db) => countConcepts(db, filter)),
  }
}

/** What a concept is mentioned together with, the strongest first. */
export async function relatedConcepts(
  { loaders }: KnowledgeContext,
  concept: Concept,
  args: PageArguments & { readonly minStrength?: number | null; readonly type?: string | null },
): Promise<CountedConnection<ConceptRelation>> {
  const filter = { minStrength: strengthBound(args.minStrength), type: args.type ?? null }
  const page = parsePage(args, ['related', filter], relatedByDefault)
  const found = await loaders.related({ ...filter, page }, concept.uuid)
  // A graph store without row-level security may name what is gone: only what the viewer can read is shown.
  const records = await Promise.all(found.nodes.map(({ relatedId }) => loaders.concepts.load(relatedId)))
  const edges = found.edges.flatMap(({ cursor, node: { type, strength, support } }, index) => {
    const record = records[index]
    return record ? [{ cursor, node: { concept: toConcept(record), type, strength, support } }] : []
  })
  return {
    edges,
    nodes: edges.map(({ node }) => node),
    pageInfo: found.pageInfo,
    totalCount: () => loaders.relatedCount(filter, concept.uuid),
  }
}

/** The memories that mention a concept, the latest first. */
export async function mentionsOfConcept(
  { loaders }: KnowledgeContext,
  concept: Concept,
  args: PageArguments,
): Promise<CountedConnection<Mention>> {
  const found = await loaders.mentions(parsePage(args, ['mentions']), concept.uuid)
  return { ...mapConnection(found, toMention), totalCount: () => concept.mentionCount }
}

/** The concepts that a memory mentions, the most often named first; none when the memory is not the viewer's. */
export async function conceptsOfMemory(
  { loaders, request }: KnowledgeContext,
  memoryId: string,
  args: PageArguments,
): Promise<CountedConnection<Concept>> {
  requireViewer(request)
  const page = parsePage(args, ['conceptsOfMemory'])
  const uuid = uuidOf('Memory', memoryId)
  if (uuid === null) return { ...toConnection<Concept>([], page, () => []), totalCount: () => 0 }
  const found = await loaders.conceptsOfMemory(page, uuid)
  return { ...mapConnection(found, toConcept), totalCount: () => loaders.conceptCountOfMemory.load(uuid) }
}

/** @throws BAD_USER_INPUT when maxDepth is not 1–6. */
export async function knowledgePath(
  context: KnowledgeContext,
  args: { readonly from: string; readonly to: string; readonly maxDepth?: number | null },
) {
  const { userId } = requireViewer(context.request)
  const maxDepth = within('maxDepth', args.maxDepth ?? 4, 1, 6)
  const [from, to] = await Promise.all([conceptOfId(context, args.from), conceptOfId(context, args.to)])
  if (from === null || to === null) return null
  const links = await context.stores.graph.path(userId, from.uuid, to.uuid, maxDepth, context.request.signal)
  if (links === null) return null
  const relations = await readLinks(context, links)
  if (relations.length < links.length) return null
  return { length: relations.length, concepts: [from, ...relations.map((relation) => relation.to)], relations }
}

/** @throws BAD_USER_INPUT when a bound is not within its limits. */
export async function neighborhood(
  context: KnowledgeContext,
  args: {
    readonly id: string
    readonly depth?: number | null
    readonly minStrength?: number | null
    readonly first?: number | null
  },
) {
  const { userId } = requireViewer(context.request)
  const options = {
    depth: within('depth', args.depth ?? 2, 1, 4),
    minStrength: strengthBound(args.minStrength),
    limit: within('first', args.first ?? 100, 1, 100),
  }
  const center = await conceptOfId(context, args.id)
  if (center === null) return { concepts: [], relations: [] }
  const found = await context.stores.graph.neighborhood(userId, center.uuid, options, context.request.signal)
  const records = await Promise.all(found.conceptIds.map((id) => context.loaders.concepts.load(id)))
  const concepts = records.flatMap((record) => (record ? [toConcept(record)] : []))
  return { concepts, relations: await readLinks(context, found.links) }
}

/** The links whose both ends the viewer can read. */
async function readLinks({ loaders }: KnowledgeContext, links: readonly GraphLink[]): Promise<ConceptLink[]> {
  const ends = await Promise.all(
    links.map(({ from, to }) => Promise.all([loaders.concepts.load(from), loaders.concepts.load(to)])),
  )
  return links.flatMap(({ type, strength }, index) => {
    const [from, to] = ends[index] ?? []
    return from && to ? [{ from: toConcept(from), to: toConcept(to), type, strength }] : []
  })
}

function strengthBound(value: number | null | undefined): number {
  return within('minStrength', value ?? 0, 0, 1)
}

function within(name: string, value: number, least: number, most: number): number {
  if (value < least || value > most) throw bad(`\`${name}\` must be ${least}–${most}, not ${value}.`)
  return value
}

function bad(message: string) {
  return codedError('BAD_USER_INPUT', message)
}
