import { once, whole } from '../../lib/bytes.ts'
import { type Outdated, sealAnew } from '../../lib/seal-anew.ts'
import { auditContext } from '../audit/context.ts'
import { renewValues } from '../audit/renew.ts'
import type { Stores } from '../stores.ts'
import { voiceObject, voicePlace } from './voice.ts'

type Needed = Pick<Stores, 'postgres' | 'fields' | 'objects' | 'logger'>

const atOnce = 500
/** Where the name of its key ends in a sealed value. Bytes. */
const headBytes = 5

const columns: Readonly<Record<string, string>> = { 'users.totp': 'secret', 'users.encrypted_fields': 'sealed' }

interface Field extends Outdated {
  readonly source: string
  readonly id: string
}

/**
 * Encrypts anew whatever is under an older of the system's keys, wherever it is kept, so that the old key may be taken
 * away: `mnemograph keys encryption` says when. What opens under no key is left, and told of.
 */
export async function renewEncryption(stores: Needed): Promise<void> {
  if (!stores.fields.hasOlder) return
  await renewValues(stores)
  await renewFields(stores)
  await renewAudio(stores)
}

async function renewFields(stores: Needed): Promise<void> {
  const first = { source: '', id: '00000000-0000-0000-0000-000000000000' }
  for (let after: Pick<Field, 'source' | 'id'> | undefined = first; after; ) after = await renewPage(stores, after)
}

/** @returns the field after which to go on, when there may be more */
function renewPage(stores: Needed, after: Pick<Field, 'source' | 'id'>): Promise<Field | undefined> {
  const { postgres, fields } = stores
  return postgres.write(auditContext('renewal'), async (tx) => {
    const page = await tx.query<Field>('SELECT source, id, sealed, key FROM app.outdated_fields($1, $2, $3, $4)', [
      Buffer.from(fields.keyId, 'hex'),
      after.source,
      after.id,
      atOnce,
    ])
    const renewed = page.flatMap((field) => {
      const { source, id } = field
      const body = sealAnew(stores, field, { table: source, column: columns[source] ?? '', row: id })
      return body ? [{ ...field, body }] : []
    })
    if (renewed.length > 0) {
      await tx.query('SELECT app.renew_fields($1::text[], $2::uuid[], $3::bytea[], $4::bytea[])', [
        renewed.map(({ source }) => source),
        renewed.map(({ id }) => id),
        renewed.map(({ sealed }) => sealed),
        renewed.map(({ body }) => body),
      ])
    }
    return page.length < atOnce ? undefined : page.at(-1)
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

async function renewOne(stores: Needed, { owner_id: owner, hash, key }: Kept): Promise<void> {
  const { objects, fields } = stores
  const name = voiceObject(hash)
  const head = await readUpTo(await objects.get(owner, name), headBytes)
  if (head.length < headBytes || fields.isCurrent(head)) return
  const sealed = await whole((await objects.get(owner, name)) ?? [])
  const anew = sealAnew(stores, { sealed, key }, voicePlace(hash))
  if (anew) await objects.put(owner, name, once(anew))
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
