import type { PageArguments } from '../../lib/connection.ts'
import { toGlobalId } from '../../lib/ids.ts'
import { isViewer, read, type UsersContext } from './context.ts'
import type { User } from './mappers.ts'
import { ownByReference } from './node.ts'
import { userOf } from './service/people.ts'
import {
  addTeamMember,
  createTeam,
  deleteTeam,
  type InviteUserInput,
  invitations,
  inviteUser,
  type MembershipInput,
  members,
  removeTeamMember,
  revokeInvitation,
  teams,
} from './service/teams.ts'
import { findTenantName, type InvitationRecord, type TeamRecord } from './store/teams.ts'

interface Input<T> {
  readonly input: T
}

const madeTeam = {
  team: ({ team }: { team: string }, _: unknown, { loaders }: UsersContext) => loaders.teams.load(team),
}
const madeInvitation = {
  invitation: ({ invitation }: { invitation: string }, _: unknown, { loaders }: UsersContext) =>
    loaders.invitations.load(invitation),
}

/** Resolvers of tenants, their teams, and invitations into them. */
export const teamResolvers = {
  Query: {
    teams: (_: unknown, args: PageArguments, context: UsersContext) => teams(context, args, false),
    invitations: (_: unknown, args: PageArguments, context: UsersContext) => invitations(context, args),
  },
  Mutation: {
    createTeam: (_: unknown, { input }: Input<{ name: string }>, context: UsersContext) => createTeam(context, input),
    deleteTeam: (_: unknown, { input }: Input<{ id: string }>, context: UsersContext) => deleteTeam(context, input),
    addTeamMember: (_: unknown, { input }: Input<MembershipInput>, context: UsersContext) =>
      addTeamMember(context, input),
    removeTeamMember: (_: unknown, { input }: Input<MembershipInput>, context: UsersContext) =>
      removeTeamMember(context, input),
    inviteUser: (_: unknown, { input }: Input<InviteUserInput>, context: UsersContext) => inviteUser(context, input),
    revokeInvitation: (_: unknown, { input }: Input<{ id: string }>, context: UsersContext) =>
      revokeInvitation(context, input),
  },
  User: {
    teams: (user: User, args: PageArguments, context: UsersContext) =>
      isViewer(context, user) ? teams(context, args, true) : null,
    tenantName: (user: User, _: unknown, context: UsersContext) => {
      const { viewer } = context.request
      return viewer && isViewer(context, user) ? read(context, (db) => findTenantName(db, viewer.tenantId)) : null
    },
  },
  types: {
    CreateTeamSuccess: madeTeam,
    AddTeamMemberSuccess: madeTeam,
    RemoveTeamMemberSuccess: madeTeam,
    InviteUserSuccess: madeInvitation,
    RevokeInvitationSuccess: madeInvitation,
    Team: {
      __resolveReference: ownByReference('Team'),
      id: ({ id }: TeamRecord) => toGlobalId('Team', id),
      members: (team: TeamRecord, args: PageArguments, context: UsersContext) => members(context, team, args),
    },
    Invitation: {
      __resolveReference: ownByReference('Invitation'),
      id: ({ id }: InvitationRecord) => toGlobalId('Invitation', id),
      invitedBy: ({ ownerId }: InvitationRecord, _: unknown, context: UsersContext) => userOf(context, ownerId),
      team: ({ teamId }: InvitationRecord, _: unknown, { loaders }: UsersContext) =>
        teamId === null ? null : loaders.teams.load(teamId),
    },
  },
}
