import { type Connection, type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { invalidInput, limitExceeded, notFound, ProblemError } from '../../../lib/problems.ts'
import { ownKey } from '../../../stores/audit/own-key.ts'
import { secretPlace } from '../../../stores/privacy/export.ts'
import { isText } from '../../checks.ts'
import { mutate } from '../../mutate.ts'
import { requireViewer, securityOf } from '../../security.ts'
import { read, type UsersContext } from '../context.ts'
import {
  countSecrets,
  deleteSecret as dropSecret,
  ensureSecret,
  findSecret,
  listSecrets,
  type SecretRecord,
  sealSecret,
} from '../store/privacy.ts'

const longestName = 200
const largestValue = 64 * 1024
const mostSecrets = 1_000

export interface StoreSecretInput {
  readonly name: string
  readonly value: string
}

interface ById {
  readonly id: string
  readonly clientMutationId?: string | null
}

/**
 * Keeps a value under the system's key and the viewer's own; one of the same name gets the new value. The value carries
 * credentials, so it is no part of an idempotency key: setting it twice is setting it once.
 */
export function storeSecret({ stores, request }: UsersContext, { name, value }: StoreSecretInput) {
  const { userId: ownerId, tenantId } = requireViewer(request)
  return mutate(stores, request, { name: 'storeSecret', input: {}, room: 'users' }, async ({ tx }) => {
    if (name.trim() === '' || name.length > longestName || !isText(name)) {
      throw new ProblemError(invalidInput(`A name has 1–${longestName} characters.`, 'input', 'name'))
    }
    if (value === '' || Buffer.byteLength(value) > largestValue || !value.isWellFormed()) {
      throw new ProblemError(invalidInput(`A value has 1–${largestValue} bytes of text.`, 'input', 'value'))
    }
    const key = await ownKey(tx)
    if (key === null) throw new Error('the viewer has no key')
    if ((await countSecrets(tx)) >= mostSecrets) {
      throw new ProblemError(limitExceeded(`A user keeps at most ${mostSecrets} secrets.`))
    }
    const id = await ensureSecret(tx, { id: request.ids.next(), tenantId, ownerId, name }, request.clock.now())
    await sealSecret(tx, id, stores.fields.seal(value, secretPlace(id), key))
    return { __typename: 'StoreSecretSuccess', secret: id }
  })
}

/** Shows what a secret says, to its owner, and notes that it was shown. One under an older key is sealed anew. */
export function revealSecret({ stores, request }: UsersContext, input: ById) {
  const { userId } = requireViewer(request)
  const security = securityOf(request, 'users')
  return mutate(stores, request, { name: 'revealSecret', input: {}, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('Secret', input.id)
    const [found, key] = id === null ? [null, null] : [await findSecret(tx, id), await ownKey(tx)]
    if (id === null || found === null || key === null) throw new ProblemError(notFound('secret', 'input', 'id'))
    const value = stores.fields.open(found.sealed, secretPlace(id), key).toString()
    if (!stores.fields.isCurrent(found.sealed))
      await sealSecret(tx, id, stores.fields.seal(value, secretPlace(id), key))
    stores.sentinel.report(security, { kind: 'ACCESS', name: 'SECRET_READ', object: id, subjects: [userId] })
    return { __typename: 'RevealSecretSuccess', value }
  })
}

/** Removes a secret for good. */
export function deleteSecret({ stores, request }: UsersContext, input: ById) {
  requireViewer(request)
  return mutate(stores, request, { name: 'deleteSecret', input, room: 'users' }, async ({ tx }) => {
    const id = uuidOf('Secret', input.id)
    if (id === null || !(await dropSecret(tx, id))) throw new ProblemError(notFound('secret', 'input', 'id'))
    return { __typename: 'DeleteSecretSuccess', secretId: input.id }
  })
}

/** The viewer's secrets, in the order they were first stored. */
export async function secrets(context: UsersContext, args: PageArguments): Promise<Connection<SecretRecord>> {
  const { userId } = requireViewer(context.request)
  const page = parsePage(args, ['secrets', userId])
  const rows = await read(context, (db) => listSecrets(db, page))
  return toConnection(rows, page, ({ ordinal }) => [ordinal])
}

export async function secretOf(context: UsersContext, id: string): Promise<SecretRecord | null> {
  return read(context, (db) => findSecret(db, id))
}
