import { once } from '../../lib/bytes.ts'
import { FieldDecryptionError, type FieldPlace } from '../../lib/field-encryption.ts'
import { auditContext } from '../audit/context.ts'
import { renewValues } from '../audit/renew.ts'
import type { Stores } from '../stores.ts'
import { voiceObject, voicePlace } from './voice.ts'

type Needed = Pick<Stores, 'postgres' | 'fields' | 'objects' | 'logger'>

const atOnce = 500
/** Where the name of its key ends in a sealed value. Bytes. */
const headBytes = 5

const columns: Readonly<Record<string, string>> = { 'users.totp': 'secret', 'users.encrypted_fields': 'sealed' }

interface Outdated {
  readonly source: string
  readonly id: string
  readonly sealed: Buffer
  readonly key: Buffer
}

/**
 * Encrypts anew whatever is under an older of the system's keys, wherever it is kept, so that the old key may be taken
 * away: `mnemograph keys encryption` says when.
 */
export async function renewEncryption(stores: Needed): Promise<void> {
  await renewValues(stores)
  while ((await renewFields(stores)) === atOnce);
  await renewAudio(stores)
}

/** @returns how many it renewed; a value that does not open is left, and told of */
async function renewFields({ postgres, fields, logger }: Needed): Promise<number> {
  return postgres.write(auditContext('renewal'), async (tx) => {
    const outdated = await tx.query<Outdated>('SELECT source, id, sealed, key FROM app.outdated_fields($1, $2)', [
      Buffer.from(fields.keyId, 'hex'),
      atOnce,
    ])
    const renewed = outdated.flatMap((field) => {
      const place: FieldPlace = { table: field.source, column: columns[field.source] ?? '', row: field.id }
      try {
        return [{ ...field, body: fields.seal(fields.open(field.sealed, place, field.key), place, field.key) }]
      } catch (error) {
        if (!(error instanceof FieldDecryptionError)) throw error
        logger.warn(
          { table: field.source, id: field.id },
          'An encrypted field does not open under any key that is there',
        )
        return []
      }
    })
    if (renewed.length === 0) return 0
    await tx.query('SELECT app.renew_fields($1::text[], $2::uuid[], $3::bytea[], $4::bytea[])', [
      renewed.map(({ source }) => source),
      renewed.map(({ id }) => id),
      renewed.map(({ sealed }) => sealed),
      renewed.map(({ body }) => body),
    ])
    return renewed.length
  })
}

interface Kept {
  readonly id: string
  readonly owner_id: string
  readonly hash: string
  readonly key: Buffer
}

/** Only the beginning of each file is read, unless it is to be renewed. */
async function renewAudio(stores: Needed): Promise<void> {
  for (let after: string | null = null; ; ) {
    const page: Kept[] = await stores.postgres.read(auditContext('renewal'), (db) =>
      db.query<Kept>('SELECT id, owner_id, hash, key FROM app.kept_audio($1, $2)', [after, atOnce]),
    )
    for (const audio of page) await renewOne(stores, audio)
    if (page.length < atOnce) return
    after = page.at(-1)?.id ?? null
  }
}

async function renewOne({ objects, fields, logger }: Needed, { owner_id: owner, hash, key }: Kept): Promise<void> {
  const name = voiceObject(hash)
  const head = await readUpTo(await objects.get(owner, name), headBytes)
  if (head.length < headBytes || fields.isCurrent(head)) return
  const sealed = await readUpTo(await objects.get(owner, name), Number.POSITIVE_INFINITY)
  try {
    const anew = fields.seal(fields.open(sealed, voicePlace(hash), key), voicePlace(hash), key)
    await objects.put(owner, name, once(anew))
  } catch (error) {
    if (!(error instanceof FieldDecryptionError)) throw error
    logger.warn({ object: name }, 'An encrypted object does not open under any key that is there')
  }
}

async function readUpTo(body: AsyncIterable<Uint8Array> | null, bytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of body ?? []) {
    chunks.push(chunk)
    size += chunk.length
    if (size >= bytes) break
  }
  return Buffer.concat(chunks)
}
