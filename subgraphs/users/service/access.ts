import { type Connection, mapConnection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { codedError } from '../../../lib/errors.ts'
import { parseGlobalId, toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { invalidInput, notFound, ProblemError } from '../../../lib/problems.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { read, type UsersContext } from '../context.ts'
import {
  deleteVectorAccess,
  explainPolicies,
  findVectorAccess,
  listVectorAccess,
  type PolicyRecord,
  putVectorAccess,
  type VectorAccessRecord,
} from '../store/access.ts'

/** `VectorAccess` of the graph; its users are named by their rows' ids. */
export interface VectorAccess extends Omit<VectorAccessRecord, 'ordinal'> {
  readonly __typename: 'VectorAccess'
}

/** `AccessExplanation` of the graph. */
export interface AccessExplanation {
  readonly allowed: boolean
  readonly reason: string
  readonly rules: readonly PolicyRecord[]
}

export interface GrantVectorAccessInput {
  readonly userId: string
  readonly collection: string
  readonly permission: string
  readonly validUntil?: Date | null
  readonly clientMutationId?: string | null
}

/** Lets another user of the tenant search the viewer's vectors. */
export function grantVectorAccess({ stores, request, loaders }: UsersContext, input: GrantVectorAccessInput) {
  const { userId: ownerId, tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'grantVectorAccess', input, room: 'users' }, async ({ tx }) => {
    const subjectId = uuidOf('User', input.userId)
    const at = request.clock.now()
    if (subjectId === ownerId)
      throw new ProblemError(invalidInput('One’s own vectors need no grant.', 'input', 'userId'))
    if (input.validUntil != null && input.validUntil <= at) {
      throw new ProblemError(invalidInput('The end lies in the past.', 'input', 'validUntil'))
    }
    const [subject] = subjectId === null ? [] : await tx.query('SELECT id FROM users.cards($1)', [[subjectId]])
    if (subjectId === null || !subject) throw new ProblemError(notFound('user', 'input', 'userId'))
    const { collection, permission, validUntil = null } = input
    const draft = { id: request.ids.next(), tenantId, ownerId, subjectId, collection, permission, validUntil }
    loaders.users.clear(subjectId)
    return { __typename: 'GrantVectorAccessSuccess', access: await putVectorAccess(tx, draft, at) }
  })
}

/** Takes a grant of the viewer's back. */
export function revokeVectorAccess(
  { stores, request }: UsersContext,
  input: { readonly id: string; readonly clientMutationId?: string | null },
) {
  const { userId } = requireViewer(request)
  return mutate(stores, request, { name: 'revokeVectorAccess', input, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('VectorAccess', input.id)
    if (id === null || !(await deleteVectorAccess(tx, userId, id))) {
      throw new ProblemError(notFound('grant', 'input', 'id'))
    }
    return { __typename: 'RevokeVectorAccessSuccess', accessId: toGlobalId('VectorAccess', id) }
  })
}

/** Grants given and received, in the order granted. */
export async function vectorAccess(context: UsersContext, args: PageArguments): Promise<Connection<VectorAccess>> {
  const { userId } = requireViewer(context.request)
  const page = parsePage(args, ['vectorAccess', userId])
  const rows = await read(context, (db) => listVectorAccess(db, page))
  return mapConnection(
    toConnection(rows, page, ({ ordinal }) => [ordinal]),
    toVectorAccess,
  )
}

/** The grant of a row's id. */
export async function vectorAccessOf(context: UsersContext, id: string): Promise<VectorAccess> {
  const found = await read(context, (db) => findVectorAccess(db, id))
  if (found === null) throw new Error('a grant that was made is gone')
  return toVectorAccess(found)
}

/**
 * Why a user of the tenant may or may not read a thing of the tenant; null for any other.
 * @throws FORBIDDEN for anyone but an admin
 */
export async function explainAccess(
  { stores, request }: UsersContext,
  args: { readonly viewer: string; readonly id: string },
): Promise<AccessExplanation | null> {
  if (requireViewer(request).role !== 'ADMIN') throw codedError('FORBIDDEN', 'Only admins may ask why.')
  const viewer = uuidOf('User', args.viewer)
  const thing = parseGlobalId(args.id)
  if (viewer === null || thing === null) return null
  const rules = await stores.postgres.write(securityOf(request, 'users'), (tx) =>
    explainPolicies(tx, viewer, thing.type, thing.uuid),
  )
  stores.sentinel.report(securityOf(request, 'users'), {
    kind: 'ACCESS',
    name: 'ACCESS_EXPLAINED',
    object: thing.type,
    subjects: [viewer],
  })
  if (rules.length === 0) return null
  return { ...verdictOf(rules), rules }
}

/** As the database judges: one rule that lets him is enough, unless one that restricts does not hold. */
function verdictOf(rules: readonly PolicyRecord[]): Pick<AccessExplanation, 'allowed' | 'reason'> {
  const named = (wanted: (rule: PolicyRecord) => boolean) => rules.filter(wanted).map(({ name }) => name)
  const letting = named(({ satisfied, restricts }) => satisfied && !restricts)
  const refusing = named(({ satisfied, restricts }) => !satisfied && restricts)
  if (letting.length === 0) return { allowed: false, reason: `Refused: no rule of ${rules[0]?.object} is satisfied.` }
  if (refusing.length > 0) return { allowed: false, reason: `Refused by ${refusing.join(', ')}.` }
  return { allowed: true, reason: `Allowed by ${letting.join(', ')}.` }
}

function toVectorAccess({ ordinal: _, ...record }: VectorAccessRecord): VectorAccess {
  return { __typename: 'VectorAccess', ...record }
}
