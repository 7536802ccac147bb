import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { replaceSecretFile, secretFile } from './secret-file.ts'

/** Where a value stands. A value that is moved to another row or column does not open there. */
export interface FieldPlace {
  /** The table, with its schema. */
  readonly table: string
  readonly column: string
  /** The row's id. */
  readonly row: string
}

/**
 * Encrypts single values at rest: AES-256-GCM (NIST SP 800-38D) under a key derived (HKDF, RFC 5869) from one of the
 * system's keys and the owner's own. Destroying the owner's key makes what was encrypted for him mean nothing.
 */
export interface FieldCipher {
  /** @param ownerKey the owner's key, as the database has it; empty for what is nobody's. */
  seal(value: string | Uint8Array, place: FieldPlace, ownerKey: Uint8Array): Buffer
  /** @throws FieldDecryptionError when the key is not there or the value was changed or moved. */
  open(sealed: Uint8Array, place: FieldPlace, ownerKey: Uint8Array): Buffer
  /** Whether a value is under the newest key; one that is not should be sealed anew. */
  isCurrent(sealed: Uint8Array): boolean
  /** Whether there are keys beside the newest, under which values may still be. */
  readonly hasOlder: boolean
  /** Names the newest key: the beginning of its hash, in hexadecimal. */
  readonly keyId: string
}

/** Never says what the value was or which key would open it. */
export class FieldDecryptionError extends Error {
  override readonly name = 'FieldDecryptionError'
  constructor() {
    super('an encrypted field does not open: its key is gone, or it was changed or moved')
  }
}

interface SystemKey {
  readonly id: Buffer
  readonly key: Buffer
}

const version = 1
const keyBytes = 32
const idBytes = 4
const nonceBytes = 12
const tagBytes = 16
const headBytes = 1 + idBytes + nonceBytes
/** Derived keys kept ready; deriving one takes some microseconds. */
const mostDerived = 1000

/** @param keys the system's keys, the newest first: it encrypts, and all of them decrypt. */
export function createFieldCipher(keys: readonly Uint8Array[]): FieldCipher {
  const ring = keys.map(toSystemKey)
  const [newest] = ring
  if (newest === undefined) throw new Error('a field cipher needs a key')
  const derived = new LRUCache<string, Buffer>({ max: mostDerived })

  function keyFor({ id, key }: SystemKey, ownerKey: Uint8Array): Buffer {
    const name = createHash('sha256').update(id).update(ownerKey).digest('base64')
    const known = derived.get(name)
    if (known !== undefined) return known
    const made = Buffer.from(hkdfSync('sha256', key, ownerKey, 'mnemograph field', keyBytes))
    derived.set(name, made)
    return made
  }

  return {
    keyId: newest.id.toString('hex'),
    hasOlder: ring.length > 1,
    isCurrent: (sealed) => Buffer.from(sealed.subarray(1, 1 + idBytes)).equals(newest.id),
    seal(value, place, ownerKey) {
      const nonce = randomBytes(nonceBytes)
      const head = Buffer.concat([Buffer.of(version), newest.id, nonce])
      const cipher = createCipheriv('aes-256-gcm', keyFor(newest, ownerKey), nonce, { authTagLength: tagBytes })
      cipher.setAAD(boundTo(head, place))
      const body = typeof value === 'string' ? cipher.update(value, 'utf8') : cipher.update(value)
      return Buffer.concat([head, body, cipher.final(), cipher.getAuthTag()])
    },
    open(sealed, place, ownerKey) {
      const bytes = Buffer.from(sealed)
      const head = bytes.subarray(0, headBytes)
      const key = ring.find(({ id }) => id.equals(head.subarray(1, 1 + idBytes)))
      if (bytes.length < headBytes + tagBytes || head[0] !== version || key === undefined)
        throw new FieldDecryptionError()
      const nonce = head.subarray(1 + idBytes)
      const decipher = createDecipheriv('aes-256-gcm', keyFor(key, ownerKey), nonce, { authTagLength: tagBytes })
      decipher.setAAD(boundTo(head, place))
      decipher.setAuthTag(bytes.subarray(-tagBytes))
      try {
        return Buffer.concat([decipher.update(bytes.subarray(headBytes, -tagBytes)), decipher.final()])
      } catch {
        throw new FieldDecryptionError()
      }
    },
  }
}

/** Its name in the data directory. */
export const encryptionKeysFile = 'encryption-keys'

/** Names a key: the beginning of its hash, in hexadecimal. */
export function encryptionKeyId(key: Uint8Array): string {
  return toSystemKey(Buffer.from(key)).id.toString('hex')
}

/**
 * Gives a data directory a new key before those it has.
 * @returns its id
 */
export function rotateEncryptionKey(dataDirectory: string): string {
  loadFieldCipher(dataDirectory)
  const keys = readEncryptionKeys(readFileSync(join(dataDirectory, encryptionKeysFile), 'utf8'))
  const made = randomBytes(keyBytes)
  writeKeys(dataDirectory, [made, ...keys])
  return encryptionKeyId(made)
}

/** Takes keys of a data directory away. @param ids of those that stay */
export function keepEncryptionKeys(dataDirectory: string, ids: ReadonlySet<string>): void {
  const keys = readEncryptionKeys(readFileSync(join(dataDirectory, encryptionKeysFile), 'utf8'))
  writeKeys(
    dataDirectory,
    keys.filter((key) => ids.has(encryptionKeyId(key))),
  )
}

/** Adds keys, as `readEncryptionKeys` takes them, after those that a data directory has. */
export function addEncryptionKeys(dataDirectory: string, text: string): void {
  const own = readFileSync(join(dataDirectory, encryptionKeysFile), 'utf8')
  const keys = readEncryptionKeys(`${own}\n${text}`)
  writeKeys(dataDirectory, [...new Map(keys.map((key) => [encryptionKeyId(key), key])).values()])
}

function writeKeys(dataDirectory: string, keys: readonly Uint8Array[]): void {
  const lines = keys.map((key) => `${Buffer.from(key).toString('base64')}\n`)
  replaceSecretFile(dataDirectory, encryptionKeysFile, lines.join(''))
}

/** The cipher of a process that needs none: whatever it is asked for is a mistake. */
export const noFieldCipher: FieldCipher = {
  keyId: '',
  hasOlder: false,
  isCurrent: refuse,
  seal: refuse,
  open: refuse,
}

/**
 * The system's keys: those given, or the data directory's own, made on the first start. `:memory:` gives a key that ends
 * with the process.
 * @param text keys as `readEncryptionKeys` takes them.
 */
export function loadFieldCipher(dataDirectory: string, text?: string): FieldCipher {
  if (text !== undefined) return createFieldCipher(readEncryptionKeys(text))
  const make = () => randomBytes(keyBytes).toString('base64')
  const kept = dataDirectory === ':memory:' ? make() : secretFile(dataDirectory, encryptionKeysFile, make)
  return createFieldCipher(readEncryptionKeys(kept))
}

/**
 * Keys of 32 bytes in base64, separated by commas or line breaks, the newest first.
 * @throws when there is none, or one is of another length
 */
export function readEncryptionKeys(text: string): Buffer[] {
  const keys = text
    .split(/[\s,]+/)
    .filter((part) => part !== '')
    .map((part) => Buffer.from(part, 'base64'))
  if (keys.length === 0 || keys.some(({ length }) => length !== keyBytes)) {
    throw new Error(`encryption keys are ${keyBytes} bytes each, in base64`)
  }
  return keys
}

function toSystemKey(bytes: Uint8Array): SystemKey {
  const key = Buffer.from(bytes)
  return { id: createHash('sha256').update(key).digest().subarray(0, idBytes), key }
}

/** Lengths are written too, so that no two places read the same. */
function boundTo(head: Buffer, { table, column, row }: FieldPlace): Buffer {
  return Buffer.concat([head, Buffer.from(JSON.stringify([table, column, row]))])
}

function refuse(): never {
  throw new Error('this process holds no encryption keys')
}
