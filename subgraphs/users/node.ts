import { type GraphQLSchema, isObjectType } from 'graphql'
import { codedError } from '../../lib/errors.ts'
import { parseGlobalId } from '../../lib/ids.ts'
import { nodeKey } from '../node.ts'
import { byReference } from '../references.ts'
import { requireViewer } from '../security.ts'
import type { UsersContext } from './context.ts'
import { toDevice, toUser, toUserSession } from './mappers.ts'

const mostNodes = 100

type Find = (context: UsersContext, uuid: string) => Promise<{ readonly __typename: string } | null>

/** The room's own types with a global id, and how each is found under the viewer's rights. */
const own = {
  User: async ({ request, loaders }, uuid) => {
    const found = uuid === request.viewer?.userId ? await loaders.users.load(uuid) : null
    return found && toUser(found)
  },
  UserSession: async ({ loaders }, uuid) => {
    const found = await loaders.sessions.load(uuid)
    return found && toUserSession(found)
  },
  Device: async ({ loaders }, uuid) => {
    const found = await loaders.devices.load(uuid)
    return found && toDevice(found)
  },
  Passkey: async ({ loaders }, uuid) => {
    const found = await loaders.passkeys.load(uuid)
    return found && { __typename: 'Passkey', ...found }
  },
  ServiceAccount: async ({ loaders }, uuid) => {
    const found = await loaders.serviceAccounts.load(uuid)
    return found && { __typename: 'ServiceAccount', ...found }
  },
  Team: async ({ loaders }, uuid) => {
    const found = await loaders.teams.load(uuid)
    return found && { __typename: 'Team', ...found }
  },
  Invitation: async ({ loaders }, uuid) => {
    const found = await loaders.invitations.load(uuid)
    return found && { __typename: 'Invitation', ...found }
  },
  ServiceToken: async ({ loaders }, uuid) => {
    const found = await loaders.serviceTokens.load(uuid)
    return found && { __typename: 'ServiceToken', ...found }
  },
} satisfies Readonly<Record<string, Find>>

/**
 * What an id names: something of this room, or a reference by which the gateway asks the room that owns the type. Each
 * answers null for what is not there or not the viewer's.
 */
export async function findNode(context: UsersContext, id: string, schema: GraphQLSchema) {
  requireViewer(context.request)
  const named = parseGlobalId(id)
  if (named === null) return null
  if (isOwn(named.type)) return own[named.type](context, named.uuid)
  return isNodeType(schema, named.type) ? { __typename: named.type, [nodeKey]: id } : null
}

/** One of the room's own, found under the viewer's rights by what another room knows of it. */
export const ownByReference = (type: keyof typeof own) => byReference<UsersContext, ReturnType<Find>>(type, own[type])

/** @throws BAD_USER_INPUT for more than 100 ids. */
export function findNodes(context: UsersContext, ids: readonly string[], schema: GraphQLSchema) {
  if (ids.length > mostNodes) throw codedError('BAD_USER_INPUT', `\`ids\` may name at most ${mostNodes} things.`)
  return Promise.all(ids.map((id) => findNode(context, id, schema)))
}

function isOwn(type: string): type is keyof typeof own {
  return Object.hasOwn(own, type)
}

function isNodeType(schema: GraphQLSchema, name: string): boolean {
  const type = schema.getType(name)
  return isObjectType(type) && type.getInterfaces().some((face) => face.name === 'Node')
}
