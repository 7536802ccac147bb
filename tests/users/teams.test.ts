import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Viewer } from '../../lib/context.ts'
import { defaultTenantId } from '../../lib/tenants.ts'
import { openUsersWorld, operations, password, type SignedIn, type UsersWorld } from './people.ts'

const problem = '... on Problem { code message path }'
const documents = {
  createTeam: `mutation ($input: CreateTeamInput!) {
    createTeam(input: $input) { __typename ... on CreateTeamSuccess { team { id name } } ${problem} } }`,
  deleteTeam: `mutation ($input: DeleteTeamInput!) { deleteTeam(input: $input) { __typename ${problem} } }`,
  addTeamMember: `mutation ($input: AddTeamMemberInput!) { addTeamMember(input: $input) {
    __typename ... on AddTeamMemberSuccess { team { members { nodes { username } } } } ${problem} } }`,
  removeTeamMember: `mutation ($input: RemoveTeamMemberInput!) { removeTeamMember(input: $input) {
    __typename ... on RemoveTeamMemberSuccess { team { members { nodes { username } } } } ${problem} } }`,
  inviteUser: `mutation ($input: InviteUserInput!) { inviteUser(input: $input) {
    __typename ... on InviteUserSuccess { token invitation { id email role expiresAt team { name } } } ${problem} } }`,
  revokeInvitation: `mutation ($input: RevokeInvitationInput!) {
    revokeInvitation(input: $input) { __typename ... on RevokeInvitationSuccess { invitation { revokedAt } } ${problem} } }`,
  signUp: operations.signUp,
}
const teams =
  '{ teams { nodes { name members { nodes { username } } } } viewer { teams { nodes { name } } tenantName } }'
const invitations = '{ invitations { nodes { email invitedBy { username } } } }'
const day = 24 * 60 * 60 * 1000

let world: UsersWorld
let admin: SignedIn
let anna: SignedIn
let ben: SignedIn

beforeAll(async () => {
  world = await openUsersWorld()
}, 60_000)
afterAll(() => world.close())
beforeEach(async () => {
  Object.assign(world.stores, { tenancy: 'single' })
  await world.database.sql('TRUNCATE users.users, app.teams CASCADE')
  admin = await world.admin()
  anna = await world.signUp('anna')
  ben = await world.signUp('ben')
})

async function send(viewer: Viewer | null, name: keyof typeof documents, input: object) {
  const { data, errors } = await world.run(viewer, documents[name], { input })
  return errors[0]?.code ?? data[name]
}
const ask = async (viewer: Viewer, document: string) => world.run(viewer, document)
const join = (username: string, more: object = {}) =>
  send(null, 'signUp', { username, email: `${username}@example.org`, password, ...more })
const names = ({ team }: { team: { members: { nodes: { username: string }[] } } }) =>
  team.members.nodes.map(({ username }) => username)

describe('teams', () => {
  test('are made by admins, who say who is in them; members see each other, and others nothing', async () => {
    const { team } = await send(admin.viewer, 'createTeam', { name: 'Ferry' })
    expect(names(await send(admin.viewer, 'addTeamMember', { teamId: team.id, userId: anna.user.id }))).toEqual([
      'anna',
    ])
    await send(admin.viewer, 'addTeamMember', { teamId: team.id, userId: anna.user.id })
    const seen = async ({ viewer }: SignedIn) => (await ask(viewer, teams)).data
    expect(await seen(anna)).toEqual({
      teams: { nodes: [{ name: 'Ferry', members: { nodes: [{ username: 'anna' }] } }] },
      viewer: { teams: { nodes: [{ name: 'Ferry' }] }, tenantName: 'default' },
    })
    expect(await seen(ben)).toMatchObject({ teams: { nodes: [] }, viewer: { teams: { nodes: [] } } })
    expect((await seen(admin)).teams.nodes).toEqual([{ name: 'Ferry', members: { nodes: [{ username: 'anna' }] } }])
    expect(names(await send(admin.viewer, 'removeTeamMember', { teamId: team.id, userId: anna.user.id }))).toEqual([])
    expect((await seen(anna)).viewer.teams.nodes).toEqual([])
    expect((await send(admin.viewer, 'deleteTeam', { id: team.id })).__typename).toBe('DeleteTeamSuccess')
    expect((await seen(anna)).teams.nodes).toEqual([])
  })

  test('make their members principals: what is granted to a team is granted to them', async () => {
    const { team } = await send(admin.viewer, 'createTeam', { name: 'Harbour' })
    const principals = async () =>
      world.stores.postgres.read(
        { ...anna.viewer, role: 'users', traceId: 'test', deadline: Number.POSITIVE_INFINITY },
        async (db) => (await db.query<{ ids: string[] }>('SELECT app.current_principals() AS ids'))[0]?.ids ?? [],
      )
    expect(await principals()).toHaveLength(2)
    await send(admin.viewer, 'addTeamMember', { teamId: team.id, userId: anna.user.id })
    expect(await principals()).toHaveLength(3)
    await send(admin.viewer, 'removeTeamMember', { teamId: team.id, userId: anna.user.id })
    expect(await principals()).toHaveLength(2)
  })

  test('are not a member’s to change, nor another tenant’s', async () => {
    const { team } = await send(admin.viewer, 'createTeam', { name: 'Quay' })
    const membership = { teamId: team.id, userId: anna.user.id }
    expect(await send(anna.viewer, 'createTeam', { name: 'Mine' })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await send(anna.viewer, 'addTeamMember', membership)).toMatchObject({ code: 'FORBIDDEN' })
    expect(await send(anna.viewer, 'deleteTeam', { id: team.id })).toMatchObject({ code: 'FORBIDDEN' })
    expect(await send(null, 'deleteTeam', { id: team.id })).toBe('UNAUTHENTICATED')
    Object.assign(world.stores, { tenancy: 'multiple' })
    const { session } = await join('stranger')
    const { viewer } = await world.stores.tokens.verify(session.accessToken)
    expect(await send(viewer, 'addTeamMember', membership)).toMatchObject({ code: 'NOT_FOUND' })
    expect(await send(viewer, 'deleteTeam', { id: team.id })).toMatchObject({ code: 'NOT_FOUND' })
    const own = (await send(viewer, 'createTeam', { name: 'Quay' })).team
    expect(await send(viewer, 'addTeamMember', { teamId: own.id, userId: anna.user.id })).toMatchObject({
      code: 'NOT_FOUND',
      path: ['input', 'userId'],
    })
    expect((await ask(viewer, teams)).data.teams.nodes).toEqual([{ name: 'Quay', members: { nodes: [] } }])
  })

  test('have names of their own', async () => {
    await send(admin.viewer, 'createTeam', { name: 'Pier' })
    expect(await send(admin.viewer, 'createTeam', { name: 'Pier' })).toMatchObject({ code: 'CONFLICT' })
    expect(await send(admin.viewer, 'createTeam', { name: '' })).toMatchObject({ code: 'INVALID_INPUT' })
  })
})

describe('an invitation', () => {
  test('lets the one it is for in, as what and where he is invited, once', async () => {
    const { team } = await send(admin.viewer, 'createTeam', { name: 'Crew' })
    const invited = await send(admin.viewer, 'inviteUser', {
      email: 'Carla@example.org',
      role: 'ANALYST',
      teamId: team.id,
    })
    expect(invited.invitation).toMatchObject({ email: 'Carla@example.org', role: 'ANALYST', team: { name: 'Crew' } })
    expect((await ask(admin.viewer, invitations)).data.invitations.nodes).toEqual([
      { email: 'Carla@example.org', invitedBy: { username: 'admin' } },
    ])
    expect(await join('mallory', { invitation: invited.token })).toMatchObject({ code: 'NOT_FOUND' })
    const { session } = await join('carla', { invitation: invited.token })
    const { viewer } = await world.stores.tokens.verify(session.accessToken)
    expect(viewer).toMatchObject({ role: 'ANALYST', tenantId: defaultTenantId })
    expect((await ask(viewer, teams)).data.viewer.teams.nodes).toEqual([{ name: 'Crew' }])
    expect((await ask(admin.viewer, invitations)).data.invitations.nodes).toEqual([])
    const again = { username: 'carla2', email: 'carla@example.org', password, invitation: invited.token }
    expect(await send(null, 'signUp', again)).toMatchObject({ code: 'NOT_FOUND' })
  })

  test('is good for seven days, until it is taken back, and its token is kept nowhere', async () => {
    const { token, invitation } = await send(admin.viewer, 'inviteUser', { email: 'dora@example.org' })
    const rows = await world.database.sql<{ row: string }>('SELECT invitations::text AS row FROM users.invitations')
    expect(rows.map(({ row }) => row).join()).not.toContain(token)
    expect(Date.parse(invitation.expiresAt) - world.clock.now().getTime()).toBe(7 * day)
    world.clock.advance(7 * day)
    expect(await join('dora', { invitation: token })).toMatchObject({ code: 'NOT_FOUND' })
    const late = await send(admin.viewer, 'inviteUser', { email: 'emil@example.org' })
    await send(admin.viewer, 'revokeInvitation', { id: late.invitation.id })
    expect(await join('emil', { invitation: late.token })).toMatchObject({ code: 'NOT_FOUND' })
    expect((await world.database.sql(`SELECT 1 FROM users.users WHERE username = 'emil'`)).length).toBe(0)
  })

  test('is an admin’s to give and to see', async () => {
    expect(await send(anna.viewer, 'inviteUser', { email: 'x@example.org' })).toMatchObject({ code: 'FORBIDDEN' })
    expect((await ask(anna.viewer, invitations)).errors).toMatchObject([{ code: 'FORBIDDEN' }])
    const { invitation } = await send(admin.viewer, 'inviteUser', { email: 'x@example.org' })
    expect(await send(anna.viewer, 'revokeInvitation', { id: invitation.id })).toMatchObject({ code: 'FORBIDDEN' })
    for (const wrong of [{ email: 'no address' }, { email: 'x@example.org', role: 'SERVICE' }]) {
      expect(await send(admin.viewer, 'inviteUser', wrong)).toMatchObject({ code: 'INVALID_INPUT' })
    }
  })
})

describe('tenants', () => {
  test('are one where there is no need of more', async () => {
    expect(anna.viewer.tenantId).toBe(defaultTenantId)
    expect(ben.viewer.tenantId).toBe(defaultTenantId)
  })

  test('are made by whoever signs up uninvited, where there are several, and keep apart', async () => {
    Object.assign(world.stores, { tenancy: 'multiple' })
    const { session } = await join('fred', { tenantName: 'Fred & Co' })
    const { viewer } = await world.stores.tokens.verify(session.accessToken)
    expect(viewer).toMatchObject({ role: 'ADMIN' })
    expect(viewer.tenantId).not.toBe(defaultTenantId)
    expect((await ask(viewer, teams)).data.viewer.tenantName).toBe('Fred & Co')
    const listed = (await world.run(viewer, operations.users)).data.users.nodes
    expect(listed.map(({ username }: { username: string }) => username)).toEqual(['fred'])
    const { token } = await send(viewer, 'inviteUser', { email: 'gerd@example.org' })
    const invited = await join('gerd', { invitation: token })
    const gerd = (await world.stores.tokens.verify(invited.session.accessToken)).viewer
    expect(gerd).toMatchObject({ role: 'MEMBER', tenantId: viewer.tenantId })
    expect(await join('hugo', { tenantName: 'a'.repeat(101) })).toMatchObject({ path: ['input', 'tenantName'] })
  })
})
