import { type Connection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import type { Role } from '../../../lib/context.ts'
import { codedError } from '../../../lib/errors.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { conflict, invalidInput, notFound, ProblemError } from '../../../lib/problems.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { requirePermission, requireReader } from '../access.ts'
import { read, type UsersContext } from '../context.ts'
import { toUser, type User } from '../mappers.ts'
import { administer, countMatching, isLastAdmin, listUsers, type Standing } from '../store/people.ts'
import { announceEnd } from './sessions.ts'

interface Keyed {
  readonly clientMutationId?: string | null
}

const longestSearch = 200

/** The users of the viewer's tenant, in the order they signed up; for those who may manage them. */
export async function users(context: UsersContext, args: PageArguments & { search?: string | null }) {
  const { tenantId } = requireViewer(context.request)
  await requireReader(context, 'MANAGE_USERS')
  const search = args.search ?? null
  if (search !== null && (search.length > longestSearch || search.includes('\0') || !search.isWellFormed())) {
    throw codedError('BAD_USER_INPUT', `\`search\` is at most ${longestSearch} characters of text.`)
  }
  const page = parsePage(args, ['users', tenantId, search])
  const rows = await read(context, (db) => listUsers(db, search, page))
  const listed = toConnection(rows, page, ({ createdAt, id }) => [createdAt.toISOString(), id])
  const nodes = await Promise.all(listed.nodes.map(({ id }) => userOf(context, id)))
  const edges = listed.edges.map(({ cursor }, index) => ({ cursor, node: nodes[index] as User }))
  const connection: Connection<User> = { edges, nodes, pageInfo: listed.pageInfo }
  return { ...connection, totalCount: () => read(context, (db) => countMatching(db, search)) }
}

/** A user that another row names: the database keeps him there. */
export async function userOf({ loaders }: UsersContext, id: string): Promise<User> {
  const found = await loaders.users.load(id)
  if (found === null) throw new Error('a row names a user that is not there')
  return toUser(found)
}

/** Gives a user another role; he signs in anew. */
export async function setUserRole(context: UsersContext, input: Keyed & { userId: string; role: Role }) {
  if (input.role === 'SERVICE') return invalidInput('A person is no service.', 'input', 'role')
  return change(context, 'setUserRole', input, { role: input.role })
}

/** Keeps a user out: his sign-ins end, and no secret lets him in until he is reinstated. */
export function suspendUser(context: UsersContext, input: Keyed & { userId: string }) {
  return change(context, 'suspendUser', input, { status: 'SUSPENDED' })
}

export function reinstateUser(context: UsersContext, input: Keyed & { userId: string }) {
  return change(context, 'reinstateUser', input, { status: 'ACTIVE' })
}

async function change(
  { stores, request }: UsersContext,
  name: string,
  input: Keyed & { userId: string },
  standing: Standing,
) {
  let ended: readonly string[] = []
  const answer = await mutate(stores, request, { name, input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_USERS')
    const id = uuidOf('User', input.userId)
    const found = id === null ? null : await administer(tx, id, standing, request.clock.now()).catch(refused)
    if (id === null || found === null) throw new ProblemError(notFound('user', 'input', 'userId'))
    ended = found
    return { __typename: `${name[0]?.toUpperCase()}${name.slice(1)}Success`, user: id }
  })
  for (const id of ended) announceEnd(stores, id)
  return answer
}

function refused(error: unknown): never {
  if (!isLastAdmin(error)) throw error
  throw new ProblemError(conflict('Nobody would be left who may manage users.', 'input', 'userId'))
}
