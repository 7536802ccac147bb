import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { describeEachPostgres } from '../kit/postgres.ts'

interface Field {
  readonly name: string
  readonly dbName?: string
  readonly kind: 'scalar' | 'object' | 'enum' | 'unsupported'
  readonly type: string
  readonly nativeType: [string, string[]] | null
  readonly isList: boolean
  readonly isRequired: boolean
  readonly isId: boolean
  readonly isUnique: boolean
  readonly hasDefaultValue: boolean
}
interface Model {
  readonly name: string
  readonly dbName: string | null
  readonly schema: string
  readonly fields: readonly Field[]
  readonly primaryKey: { readonly fields: readonly string[] } | null
  readonly uniqueFields: readonly (readonly string[])[]
}
interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
  readonly nullable: boolean
  readonly defaulted: boolean
  readonly view: boolean
}

const { models } = JSON.parse(readFileSync(new URL('../../generated/dmmf.json', import.meta.url), 'utf8')) as {
  models: readonly Model[]
}

/** Read through functions alone: its key has a type that Prisma cannot hold. */
const WITHOUT_MODEL = ['events.log']

/** Types that Prisma has no name for. A column of such a type needs no field. */
const BEYOND_PRISMA = /^(xid8|tsvector|vector|halfvec|bit)\b/

const NATIVE: Record<string, string> = { Uuid: 'uuid', SmallInt: 'smallint', Real: 'real', Inet: 'inet', Date: 'date' }
const PLAIN: Record<string, string> = {
  String: 'text',
  Int: 'integer',
  BigInt: 'bigint',
  Boolean: 'boolean',
  Float: 'double precision',
  Json: 'jsonb',
  Bytes: 'bytea',
}

/** Timestamptz(6) is PostgreSQL's own precision, which it does not print. */
function columnType({ type, nativeType, isList }: Field): string {
  const [native, [precision]] = nativeType ?? ['', []]
  const plain = native === '' ? PLAIN[type] : NATIVE[native]
  const timestamp =
    native === 'Timestamptz' ? `timestamp${precision === '6' ? '' : `(${precision})`} with time zone` : ''
  return `${plain ?? (timestamp || `unknown type ${type} ${native}`)}${isList ? '[]' : ''}`
}

const tableOf = ({ schema, dbName, name }: Model): string => `${schema}.${dbName ?? name}`
const columnOf = (model: Model, field: string): string => {
  const found = model.fields.find(({ name }) => name === field)
  return found?.dbName ?? field
}
const scalars = (model: Model): Field[] => model.fields.filter(({ kind }) => kind === 'scalar' || kind === 'enum')

const COLUMNS = `
  SELECT nspname || '.' || relname AS "table", attname AS "column", format_type(atttypid, atttypmod) AS type,
         NOT attnotnull AS nullable, atthasdef OR attidentity <> '' AS defaulted, relkind = 'v' AS view
  FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = ANY($1) AND relkind IN ('r', 'p', 'v') AND NOT relispartition AND attnum > 0 AND NOT attisdropped
  ORDER BY 1, attnum`

const KEYS = `
  SELECT nspname || '.' || relname AS "table", indisprimary AS primary,
         array_to_string(ARRAY(SELECT attname FROM unnest(indkey) WITH ORDINALITY AS k (attnum, place)
                               JOIN pg_attribute ON attrelid = indrelid AND pg_attribute.attnum = k.attnum
                               WHERE place <= indnkeyatts
                               ORDER BY place), ',') AS columns
  FROM pg_index JOIN pg_class ON pg_class.oid = indrelid JOIN pg_namespace ON pg_namespace.oid = relnamespace
  WHERE nspname = ANY($1) AND NOT relispartition AND indisunique AND indpred IS NULL AND 0 <> ALL (indkey)`

describeEachPostgres('Prisma’s schema and the migrated database', (world) => {
  const schemas = [...new Set(models.map(({ schema }) => schema))]
  const tables = new Set(models.map(tableOf))
  /** A view needs no model: one that has none is read by SQL alone. */
  const columns = async () =>
    (await world().sql<Column>(COLUMNS, [schemas])).filter(({ table, view }) => !view || tables.has(table))

  test('have the same tables', async () => {
    const there = new Set((await columns()).map(({ table }) => table))
    expect([...tables, ...WITHOUT_MODEL].sort()).toEqual([...there].sort())
  })

  test('have the same columns, types, nullability and defaults', async () => {
    const rows = (await columns()).filter(({ table }) => !WITHOUT_MODEL.includes(table))
    const views = new Set(rows.filter(({ view }) => view).map(({ table }) => table))
    const inDatabase = rows
      .filter(({ type }) => !BEYOND_PRISMA.test(type))
      .map((row) => line(row.table, row.column, row.type, row.nullable, row.defaulted, row.view))
    const inPrisma = models.flatMap((model) =>
      scalars(model).map((field) => {
        const view = views.has(tableOf(model))
        const nullable = !field.isRequired && !field.isList
        return line(
          tableOf(model),
          field.dbName ?? field.name,
          columnType(field),
          nullable,
          field.hasDefaultValue,
          view,
        )
      }),
    )
    expect(inPrisma.sort()).toEqual(inDatabase.sort())
  })

  test('have the same keys', async () => {
    const inDatabase = (await world().sql<{ table: string; primary: boolean; columns: string }>(KEYS, [schemas]))
      .filter(({ table }) => !WITHOUT_MODEL.includes(table))
      .map(({ table, primary, columns }) => `${table} ${primary ? 'primary' : 'unique'} (${columns})`)
    const views = new Set((await columns()).filter(({ view }) => view).map(({ table }) => table))
    const inPrisma = models.filter((model) => !views.has(tableOf(model))).flatMap(keysOf)
    expect(inPrisma.sort()).toEqual(inDatabase.sort())
  })
})

/** A view's columns are all nullable to the database and have no defaults: there it knows less than the model says. */
function line(
  table: string,
  column: string,
  type: string,
  nullable: boolean,
  defaulted: boolean,
  view: boolean,
): string {
  return `${table}.${column} ${type}${view ? '' : `${nullable ? ' null' : ''}${defaulted ? ' default' : ''}`}`
}

function keysOf(model: Model): string[] {
  const table = tableOf(model)
  const list = (fields: readonly string[]) => fields.map((field) => columnOf(model, field)).join(',')
  const primary = model.primaryKey?.fields ?? model.fields.filter(({ isId }) => isId).map(({ name }) => name)
  const unique = [...model.fields.filter(({ isUnique }) => isUnique).map(({ name }) => [name]), ...model.uniqueFields]
  return [`${table} primary (${list(primary)})`, ...unique.map((fields) => `${table} unique (${list(fields)})`)]
}
