import type { InvitationModel } from '../../../generated/prisma/models/Invitation.ts'
import type { TeamModel } from '../../../generated/prisma/models/Team.ts'
import type { Page } from '../../../lib/connection.ts'
import type { Role } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { type KeyColumn, keyset } from '../../keyset.ts'

export type TeamRecord = TeamModel
export type InvitationRecord = InvitationModel

/** A place in a list that is ordered by time. */
export interface Listed {
  readonly id: string
  readonly at: Date
}

const order = (time: string, id: string): readonly KeyColumn[] => [
  { sql: time, type: 'timestamptz' },
  { sql: id, type: 'uuid' },
]

export function findTeams(db: Database, ids: readonly string[]): Promise<TeamRecord[]> {
  return db.prisma.team.findMany({ where: { id: { in: [...ids] } } })
}

/** The teams that the viewer may see, in the order they were made; only those of a user when he is given. */
export function listTeams(db: Database, member: string | null, page: Page): Promise<Listed[]> {
  const { where, orderBy, limit, values } = keyset(order('created_at', 'id'), page, 1)
  return db.query<Listed>(
    `SELECT id, created_at AS at FROM app.teams
     WHERE ($1::uuid IS NULL OR id IN (SELECT team_id FROM app.team_members WHERE user_id = $1)) AND ${where}
     ORDER BY ${orderBy} LIMIT ${limit}`,
    [member, ...values],
  )
}

/** The users in a team, as far as the viewer may see, in the order they joined. */
export function listMembers(db: Database, teamId: string, page: Page): Promise<Listed[]> {
  const { where, orderBy, limit, values } = keyset(order('added_at', 'user_id'), page, 1)
  return db.query<Listed>(
    `SELECT user_id AS id, added_at AS at FROM app.team_members WHERE team_id = $1 AND ${where}
     ORDER BY ${orderBy} LIMIT ${limit}`,
    [teamId, ...values],
  )
}

/** False when the tenant has a team of that name. */
export async function insertTeam(tx: Transaction, team: Omit<TeamRecord, 'createdAt'>, at: Date): Promise<boolean> {
  const rows = await tx.query(
    `INSERT INTO app.teams (id, tenant_id, name, created_at) VALUES ($1, $2, $3, $4)
     ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id`,
    [team.id, team.tenantId, team.name, at],
  )
  return rows.length > 0
}

export async function deleteTeamRow(tx: Transaction, id: string): Promise<void> {
  await tx.prisma.team.deleteMany({ where: { id } })
}

/** Once in, he stays as he is. */
export async function insertMember(tx: Transaction, tenantId: string, teamId: string, userId: string, at: Date) {
  await tx.query(
    `INSERT INTO app.team_members (team_id, tenant_id, user_id, added_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
    [teamId, tenantId, userId, at],
  )
}

export async function deleteMember(tx: Transaction, teamId: string, userId: string): Promise<void> {
  await tx.prisma.teamMember.deleteMany({ where: { teamId, userId } })
}

export async function findTenantName(db: Database, id: string): Promise<string | null> {
  return (await db.prisma.tenant.findFirst({ where: { id } }))?.name ?? null
}

/** Names the tenant that the viewer's account has just made. */
export async function nameTenant(tx: Transaction, name: string, at: Date): Promise<boolean> {
  await tx.query('SELECT users.name_tenant($1, $2)', [name, at])
  return true
}

export type NewInvitation = Omit<InvitationRecord, 'tokenHash' | 'createdAt' | 'acceptedAt' | 'revokedAt'> & {
  readonly tokenHash: Buffer
}

export async function insertInvitation(tx: Transaction, { tokenHash, ...given }: NewInvitation, at: Date) {
  const data = { ...given, tokenHash: Uint8Array.from(tokenHash), createdAt: at }
  await tx.prisma.invitation.create({ data, select: { id: true } })
}

export function findInvitations(db: Database, ids: readonly string[]): Promise<InvitationRecord[]> {
  return db.prisma.invitation.findMany({ where: { id: { in: [...ids] } } })
}

/** The invitations that stand open, in the order they were made. */
export function listInvitations(db: Database, at: Date, page: Page): Promise<Listed[]> {
  const { where, orderBy, limit, values } = keyset(order('created_at', 'id'), page, 1)
  return db.query<Listed>(
    `SELECT id, created_at AS at FROM users.invitations
     WHERE accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $1 AND ${where} ORDER BY ${orderBy} LIMIT ${limit}`,
    [at, ...values],
  )
}

export async function markInvitationRevoked(tx: Transaction, id: string, at: Date): Promise<void> {
  await tx.prisma.invitation.updateMany({ where: { id, revokedAt: null }, data: { revokedAt: at } })
}

/** What a token invites to. */
export interface Invited {
  readonly id: string
  readonly tenantId: string
  readonly email: string
  readonly role: Role
}

export async function findInvited(db: Database, hash: Buffer, at: Date): Promise<Invited | null> {
  const [row] = await db.query<Invited>(
    'SELECT id, tenant_id AS "tenantId", email, role FROM users.find_invitation($1, $2)',
    [hash, at],
  )
  return row ?? null
}

/** False when it was accepted or revoked a moment ago. */
export async function acceptInvitation(tx: Transaction, id: string, at: Date): Promise<boolean> {
  const [row] = await tx.query<{ accepted: boolean }>('SELECT users.accept_invitation($1, $2) AS accepted', [id, at])
  return row?.accepted === true
}
