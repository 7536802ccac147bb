import { escapeIdentifier } from 'pg'
import { once, whole } from '../../lib/bytes.ts'
import type { FieldCipher } from '../../lib/field-encryption.ts'
import { unpackText } from '../../lib/packed-text.ts'
import { ownKey } from '../audit/own-key.ts'
import type { Transaction } from '../postgres/postgres.ts'
import type { Stores } from '../stores.ts'
import { ownedTables, type Subject, step } from './subject.ts'
import type { Counts } from './tally.ts'
import { voiceHash, voicePlace } from './voice.ts'

/** Lines in one part of an export: a part is read whole. */
export const linesInPart = 1_000

/** Rows that are in memory at a time. */
const rowsAtOnce = 250

/** Never leaves: it signs in, or is how the system finds and proves things. */
const unspoken = /(hash|token|^sealed$|^secret|^terms$|^embedding$)/

/** The place to which a secret's encryption is bound. */
export const secretPlace = (id: string) => ({ table: 'users.encrypted_fields', column: 'sealed', row: id })

export const exportPart = (requestId: string, part: number) =>
  `exports/${requestId}/${String(part).padStart(6, '0')}.jsonl`

type Needed = Pick<Stores, 'postgres' | 'objects' | 'fields'>

/** Whose data it is, with the key that opens what is encrypted of it. */
type Exported = Subject & { readonly key: Buffer | null }

/**
 * Writes all of a user's data as JSON Lines, in parts: each line names the table (or other store) and holds a row.
 * @returns how many lines of each, and how many parts
 */
export async function exportAll(
  stores: Needed,
  subject: Subject,
  requestId: string,
): Promise<{ readonly counts: Counts; readonly parts: number }> {
  const counts: Counts = { postgres: {}, objects: {} }
  const writer = new PartWriter(stores, subject, requestId)
  const { tables, key } = await step(stores.postgres, subject, async (tx) => {
    return { tables: await ownedTables(tx), key: await ownKey(tx) }
  })
  for (const table of ['users.users', ...tables.reverse()]) {
    const rows = await exportTable(stores, { ...subject, key }, table, writer)
    if (rows > 0) counts.postgres = { ...counts.postgres, [table]: rows }
  }
  for (const name of await stores.objects.list(subject.userId)) {
    if (name.startsWith('exports/')) continue
    await writer.write({ object: name, base64: await readObject(stores, { ...subject, key }, name) })
    counts.objects = { objects: (counts.objects?.objects ?? 0) + 1 }
  }
  return { counts, parts: await writer.end() }
}

/** Reads a table a page at a time, in the order of its primary key: however much a user has, little of it is in memory. */
async function exportTable({ postgres, fields }: Needed, subject: Exported, table: string, writer: PartWriter) {
  const keys = await step(postgres, subject, (tx) => primaryKey(tx, table))
  let rows = 0
  for (let after: Row | null = null; ; ) {
    const page: Row[] = await step(postgres, subject, (tx) => readPage(tx, table, keys, after))
    for (const row of page) await writer.write({ table, row: spoken(fields, table, row, subject.key) })
    rows += page.length
    if (page.length < rowsAtOnce) return rows
    after = page.at(-1) ?? null
  }
}

type Row = Record<string, unknown>

interface KeyColumn {
  readonly name: string
  readonly type: string
}

async function primaryKey(tx: Transaction, table: string): Promise<KeyColumn[]> {
  const columns = await tx.query<KeyColumn>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type
     FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
     WHERE indrelid = $1::regclass AND indisprimary ORDER BY array_position(indkey::smallint[], attnum)`,
    [table],
  )
  if (columns.length === 0) throw new Error(`${table} has no primary key to be read by`)
  return columns
}

async function readPage(tx: Transaction, table: string, keys: readonly KeyColumn[], after: Row | null): Promise<Row[]> {
  const names = keys.map(({ name }) => `each.${escapeIdentifier(name)}`).join(', ')
  const places = keys.map(({ type }, index) => `$${index + 1}::text::${type}`).join(', ')
  const found = await tx.query<{ row: Row }>(
    `SELECT to_jsonb(each) AS row FROM ${table} AS each ${after === null ? '' : `WHERE (${names}) > (${places})`}
     ORDER BY ${names} LIMIT ${rowsAtOnce}`,
    after === null ? [] : keys.map(({ name }) => String(after[name])),
  )
  return found.map(({ row }) => row)
}

function spoken(fields: FieldCipher, table: string, row: Row, key: Buffer | null) {
  const said = Object.entries(row).filter(([name]) => !unspoken.test(name))
  if (table === 'users.encrypted_fields' && key !== null) {
    said.push(['value', fields.open(fromHex(row.sealed), secretPlace(String(row.id)), key).toString()])
  }
  return { ...Object.fromEntries(said), ...(table === 'memory.revisions' ? unpacked(row) : {}) }
}

/** What a compressed memory says; what is damaged stays as it is, for whoever might mend it. */
function unpacked({ content_packed: packed }: Row): Row {
  const content = packed == null ? null : unpackText(fromHex(packed))
  return content === null ? {} : { content, content_packed: undefined }
}

/** bytea comes as text inside JSON: `\x…`. */
const fromHex = (bytes: unknown) => Buffer.from(String(bytes).slice(2), 'hex')

/** Audio is spoken in the clear: it is the subject's own. */
async function readObject({ objects, fields }: Needed, { userId, key }: Exported, name: string): Promise<string> {
  const bytes = await whole((await objects.get(userId, name)) ?? [])
  const hash = voiceHash(name)
  return (hash === null || key === null ? bytes : fields.open(bytes, voicePlace(hash), key)).toString('base64')
}

class PartWriter {
  readonly #stores: Needed
  readonly #subject: Subject
  readonly #requestId: string
  #lines: string[] = []
  #parts = 0

  constructor(stores: Needed, subject: Subject, requestId: string) {
    this.#stores = stores
    this.#subject = subject
    this.#requestId = requestId
  }

  async write(line: unknown): Promise<void> {
    this.#lines.push(JSON.stringify(line))
    if (this.#lines.length >= linesInPart) await this.#flush()
  }

  async end(): Promise<number> {
    if (this.#lines.length > 0) await this.#flush()
    return this.#parts
  }

  async #flush(): Promise<void> {
    this.#parts += 1
    const body = Buffer.from(`${this.#lines.join('\n')}\n`)
    this.#lines = []
    await this.#stores.objects.put(this.#subject.userId, exportPart(this.#requestId, this.#parts), once(body))
  }
}
