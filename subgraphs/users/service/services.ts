import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { conflict, forbidden, invalidInput, limitExceeded, notFound, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer } from '../../security.ts'
import { requirePermission, requireReader } from '../access.ts'
import { attempt, read, type UsersContext } from '../context.ts'
import { checkServiceName, checkText } from '../rules.ts'
import {
  countGoodTokens,
  findServiceAccounts,
  findServiceTokens,
  insertServiceAccount,
  insertServiceToken,
  isNameTaken,
  listServiceAccounts,
  listServiceTokens,
  markTokenRevoked,
  type ServiceAccountRecord,
} from '../store/services.ts'
import { createUser } from '../store/users.ts'
import { announceEnd } from './sessions.ts'

const day = 24 * 60 * 60 * 1000
const longestMs = 365 * day
const defaultMs = 90 * day
const mostTokens = 50
export const shownTokens = 100

export interface CreateServiceAccountInput {
  readonly name: string
  readonly scopes: readonly string[]
  readonly clientMutationId?: string | null
}

/** Makes an account for a program, with all that its tokens may ever do. */
export function createServiceAccount({ stores, request }: UsersContext, input: CreateServiceAccountInput) {
  const { userId, tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'createServiceAccount', input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_SERVICES')
    const name = checkServiceName(input.name)
    const id = request.ids.next()
    const at = request.clock.now()
    const names = { username: name, email: `${id}@service.invalid` }
    const user = { id, tenantId, ...names, passwordHash: null, oneTimeHash: null, role: 'SERVICE' } as const
    await createUser(tx, user, at).catch(taken)
    const scopes = [...new Set(input.scopes)].map(toScope)
    await insertServiceAccount(tx, { id, tenantId, ownerId: userId, name, scopes }, at)
    return { __typename: 'CreateServiceAccountSuccess', serviceAccount: id }
  })
}

function taken(error: unknown): never {
  if (!isNameTaken(error)) throw error
  throw new ProblemError(conflict('This name is taken.', 'input', 'name'))
}

export interface IssueServiceTokenInput {
  readonly serviceAccountId: string
  readonly name: string
  readonly scopes?: readonly string[] | null
  readonly validUntil?: Date | null
}

/** Signs a token for a service. It is told this once; what is kept says that it is good. */
export async function issueServiceToken(context: UsersContext, input: IssueServiceTokenInput) {
  const { userId: ownerId, tenantId } = requireViewer(context.request)
  const { stores, request } = context
  const at = request.clock.now()
  const expiresAt = input.validUntil ?? new Date(at.getTime() + defaultMs)
  const answer = await attempt(context, async (tx) => {
    await requirePermission(tx, 'MANAGE_SERVICES')
    const account = await requireAccount(tx, input.serviceAccountId)
    const scopes = scopesOf(input.scopes, account)
    if (expiresAt <= at || expiresAt.getTime() > at.getTime() + longestMs) {
      throw new ProblemError(invalidInput('A token ends within a year.', 'input', 'validUntil'))
    }
    await tx.lock(`service-tokens:${account.id}`)
    if ((await countGoodTokens(tx, account.id, at)) >= mostTokens) {
      throw new ProblemError(limitExceeded(`A service has at most ${mostTokens} tokens that are good.`, 'input'))
    }
    const id = request.ids.next()
    const name = checkText(input.name, 'name', 100) ?? ''
    await insertServiceToken(tx, { id, tenantId, ownerId, serviceId: account.id, name, scopes, expiresAt }, at)
    return { id, serviceId: account.id, scopes }
  })
  if ('__typename' in answer) return answer
  const { id: sessionId, serviceId: userId, scopes } = answer
  const viewer = { userId, tenantId, sessionId, role: 'SERVICE', scopes } as const
  const { token } = await stores.tokens.issue(viewer, expiresAt)
  return { __typename: 'IssueServiceTokenSuccess', token, serviceToken: sessionId }
}

/** A token never may more than its account. */
function scopesOf(asked: readonly string[] | null | undefined, account: ServiceAccountRecord): string[] {
  const scopes = asked == null ? account.scopes : [...new Set(asked)].map(toScope)
  const beyond = scopes.filter((scope) => !account.scopes.includes(scope))
  if (beyond.length === 0) return scopes
  throw new ProblemError(forbidden(`The account has not the scope ${beyond.join(', ')}.`, 'input', 'scopes'))
}

async function requireAccount(tx: Transaction, id: string): Promise<ServiceAccountRecord> {
  const uuid = uuidOf('ServiceAccount', id)
  const [account] = uuid === null ? [] : await findServiceAccounts(tx, [uuid])
  if (account) return account
  throw new ProblemError(notFound('service account', 'input', 'serviceAccountId'))
}

export interface RevokeServiceTokenInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** A token is refused from now on, wherever it is held. */
export async function revokeServiceToken({ stores, request }: UsersContext, input: RevokeServiceTokenInput) {
  requireViewer(request)
  let ended: string | null = null
  const answer = await mutate(stores, request, { name: 'revokeServiceToken', input, room: 'users' }, async ({ tx }) => {
    await requirePermission(tx, 'MANAGE_SERVICES')
    const id = uuidOf('ServiceToken', input.id)
    const [token] = id === null ? [] : await findServiceTokens(tx, [id])
    if (!token) throw new ProblemError(notFound('token', 'input', 'id'))
    ended = (await markTokenRevoked(tx, token.id, request.clock.now())) ? token.id : null
    return { __typename: 'RevokeServiceTokenSuccess', serviceToken: token.id }
  })
  if (ended !== null) announceEnd(stores, ended)
  return answer
}

/** The services of the viewer's tenant, in the order they were made; for those who may manage them. */
export async function serviceAccounts(context: UsersContext, args: PageArguments) {
  const { tenantId } = requireViewer(context.request)
  await requireReader(context, 'MANAGE_SERVICES')
  const page = parsePage(args, ['serviceAccounts', tenantId])
  const rows = await read(context, (db) => listServiceAccounts(db, page))
  return toConnection(rows, page, ({ createdAt, id }) => [createdAt.toISOString(), id])
}

export function tokensOf(context: UsersContext, { id }: ServiceAccountRecord) {
  return read(context, (db) => listServiceTokens(db, id, shownTokens))
}

/** `MEMORY_READ` of the graph is `memory:read` in tokens. */
function toScope(name: string): string {
  return name.toLowerCase().replace('_', ':')
}

export function fromScope(scope: string): string {
  return scope.toUpperCase().replace(':', '_')
}
