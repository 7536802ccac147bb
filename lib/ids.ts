import { codedError } from './errors.ts'

/** What a global id names: a type of the graph and a row of its room. */
export interface GlobalId {
  readonly type: string
  readonly uuid: string
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const typePattern = /^[A-Z][A-Za-z]{0,63}$/

/** The opaque, global id of a row: 16 bytes of its UUID, then the type's name, in base64url. */
export function toGlobalId(type: string, uuid: string): string {
  return Buffer.concat([Buffer.from(uuid.replaceAll('-', ''), 'hex'), Buffer.from(type)]).toString('base64url')
}

/** Reads a global id; `null` for whatever was not made by `toGlobalId`, so that rubbish is the same as unknown. */
export function parseGlobalId(id: string): GlobalId | null {
  if (id.length > 128) return null
  const bytes = Buffer.from(id, 'base64url')
  const type = bytes.subarray(16).toString('latin1')
  if (bytes.length <= 16 || !typePattern.test(type) || bytes.toString('base64url') !== id) return null
  const hex = bytes.subarray(0, 16).toString('hex')
  const uuid = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  return { type, uuid }
}

/** The row that an id of this type names; `null` when it names no such row. */
export function uuidOf(type: string, id: string): string | null {
  const parsed = parseGlobalId(id)
  return parsed?.type === type ? parsed.uuid : null
}

/** The row that a filter's id names. A filter with an id of another kind is a mistake of the client's, not an empty list. */
export function requireUuid(type: string, id: string, argument: string): string {
  const uuid = uuidOf(type, id)
  if (uuid === null) throw codedError('BAD_USER_INPUT', `\`${argument}\` is not the id of a ${type}.`)
  return uuid
}

export function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}
