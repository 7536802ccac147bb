import { type Connection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import type { Role } from '../../../lib/context.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { conflict, invalidInput, notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { requirePermission, requireReader } from '../access.ts'
import { attempt, read, type UsersContext } from '../context.ts'
import type { User } from '../mappers.ts'
import { checkText, isEmail } from '../rules.ts'
import {
  deleteMember,
  deleteTeamRow,
  findInvitations,
  findTeams,
  type InvitationRecord,
  insertInvitation,
  insertMember,
  insertTeam,
  type Listed,
  listInvitations,
  listMembers,
  listTeams,
  markInvitationRevoked,
  type TeamRecord,
} from '../store/teams.ts'
import { findCards } from '../store/users.ts'
import { hashToken, newToken } from '../tokens.ts'
import { userOf } from './people.ts'

interface Keyed {
  readonly clientMutationId?: string | null
}

const day = 24 * 60 * 60 * 1000
/** How long an invitation stands open. */
const openMs = 7 * day

/** Makes a team, of which nobody is a member yet. */
export function createTeam({ stores, request }: UsersContext, input: Keyed & { name: string }) {
  const { tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'createTeam', input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_TEAMS')
    const id = request.ids.next()
    const name = checkText(input.name, 'name', 100) ?? ''
    if (!(await insertTeam(tx, { id, tenantId, name }, request.clock.now()))) {
      throw new ProblemError(conflict('There is a team of this name.', 'input', 'name'))
    }
    return { __typename: 'CreateTeamSuccess', team: id }
  })
}

/** Dissolves a team; what was shared with it is its members' no more. */
export function deleteTeam({ stores, request }: UsersContext, input: Keyed & { id: string }) {
  requireViewer(request)
  return mutate(stores, request, { name: 'deleteTeam', input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_TEAMS')
    const team = await requireTeam(tx, input.id, 'id')
    await deleteTeamRow(tx, team.id)
    return { __typename: 'DeleteTeamSuccess', teamId: input.id }
  })
}

export interface MembershipInput extends Keyed {
  readonly teamId: string
  readonly userId: string
}

/** Puts a user into a team; once in, he stays as he is. */
export function addTeamMember(context: UsersContext, input: MembershipInput) {
  return changeMembership(context, 'addTeamMember', input, (tx, team, userId) =>
    insertMember(tx, team.tenantId, team.id, userId, context.request.clock.now()),
  )
}

/** Takes a user out of a team, if he is in it. */
export function removeTeamMember(context: UsersContext, input: MembershipInput) {
  return changeMembership(context, 'removeTeamMember', input, (tx, team, userId) => deleteMember(tx, team.id, userId))
}

function changeMembership(
  { stores, request }: UsersContext,
  name: string,
  input: MembershipInput,
  change: (tx: Transaction, team: TeamRecord, userId: string) => Promise<unknown>,
) {
  requireViewer(request)
  return mutate(stores, request, { name, input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_TEAMS')
    const team = await requireTeam(tx, input.teamId, 'teamId')
    const userId = uuidOf('User', input.userId)
    const [user] = userId === null ? [] : await findCards(tx, [userId])
    if (!user) throw new ProblemError(notFound('user', 'input', 'userId'))
    await change(tx, team, user.id)
    return { __typename: `${name[0]?.toUpperCase()}${name.slice(1)}Success`, team: team.id }
  })
}

async function requireTeam(tx: Transaction, id: string, field: string): Promise<TeamRecord> {
  const uuid = uuidOf('Team', id)
  const [team] = uuid === null ? [] : await findTeams(tx, [uuid])
  if (team) return team
  throw new ProblemError(notFound('team', 'input', field))
}

/** The teams that the viewer may see, or those that he is in, in the order they were made. */
export async function teams(context: UsersContext, args: PageArguments, own: boolean): Promise<Connection<TeamRecord>> {
  const { userId, tenantId } = requireViewer(context.request)
  const page = parsePage(args, ['teams', tenantId, own ? userId : null])
  const rows = await read(context, (db) => listTeams(db, own ? userId : null, page))
  return loaded(toConnection(rows, page, keyOf), ({ id }) => context.loaders.teams.load(id))
}

/** Who is in a team; for its members and for admins. */
export async function members(context: UsersContext, team: TeamRecord, args: PageArguments): Promise<Connection<User>> {
  const page = parsePage(args, ['members', team.id])
  const rows = await read(context, (db) => listMembers(db, team.id, page))
  return loaded(toConnection(rows, page, keyOf), ({ id }) => userOf(context, id))
}

const keyOf = ({ at, id }: Listed) => [at.toISOString(), id]

async function loaded<T>(listed: Connection<Listed>, load: (row: Listed) => Promise<T | null>): Promise<Connection<T>> {
  const nodes = (await Promise.all(listed.nodes.map(load))) as T[]
  const edges = listed.edges.map(({ cursor }, index) => ({ cursor, node: nodes[index] as T }))
  return { edges, nodes, pageInfo: listed.pageInfo }
}

export interface InviteUserInput {
  readonly email: string
  readonly role: Role
  readonly teamId?: string | null
}

/** Invites somebody into the viewer's tenant; answers the token by which he signs up, which is told this once. */
export function inviteUser(context: UsersContext, input: InviteUserInput) {
  const { userId: ownerId, tenantId } = requireViewer(context.request)
  const { request } = context
  return attempt(context, async (tx) => {
    await requirePermission(tx, 'MANAGE_USERS')
    const { email, role } = input
    if (!isEmail(email)) throw new ProblemError(invalidInput('That is no email address.', 'input', 'email'))
    if (role === 'SERVICE') throw new ProblemError(invalidInput('A person is no service.', 'input', 'role'))
    const team = input.teamId == null ? null : await requireTeam(tx, input.teamId, 'teamId')
    const at = request.clock.now()
    const token = newToken()
    const id = request.ids.next()
    const expiresAt = new Date(at.getTime() + openMs)
    const tokenHash = hashToken(token)
    await insertInvitation(
      tx,
      { id, tenantId, ownerId, email, role, teamId: team?.id ?? null, tokenHash, expiresAt },
      at,
    )
    return { __typename: 'InviteUserSuccess', invitation: id, token }
  })
}

/** Takes an invitation back; one that was accepted stays so. */
export function revokeInvitation({ stores, request }: UsersContext, input: Keyed & { id: string }) {
  requireViewer(request)
  return mutate(stores, request, { name: 'revokeInvitation', input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_USERS')
    const id = uuidOf('Invitation', input.id)
    const [invitation] = id === null ? [] : await findInvitations(tx, [id])
    if (!invitation) throw new ProblemError(notFound('invitation', 'input', 'id'))
    await markInvitationRevoked(tx, invitation.id, request.clock.now())
    return { __typename: 'RevokeInvitationSuccess', invitation: invitation.id }
  })
}

/** The invitations that stand open, in the order they were made; for those who may manage users. */
export async function invitations(context: UsersContext, args: PageArguments): Promise<Connection<InvitationRecord>> {
  const { tenantId } = requireViewer(context.request)
  await requireReader(context, 'MANAGE_USERS')
  const page = parsePage(args, ['invitations', tenantId])
  const rows = await read(context, (db) => listInvitations(db, context.request.clock.now(), page))
  return loaded(toConnection(rows, page, keyOf), ({ id }) => context.loaders.invitations.load(id))
}
