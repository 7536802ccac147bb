import type { Page } from '../../../lib/connection.ts'
import type { Database } from '../../../stores/postgres/postgres.ts'
import { allOf, keyset, type Order, Values } from './keyset.ts'

/** A list under each of many parents. */
export interface ListSource {
  /** The columns of a row, among them the list's key. */
  readonly columns: string
  /** Further columns, which these fields of the graph alone read. */
  readonly rare?: { readonly columns: string; readonly fields: readonly string[] }
  readonly from: string
  /** The column that names the parent. */
  readonly parent: string
  /** The whole-number column that orders the list, and its name among `columns`. */
  readonly key: string
  readonly keyName: string
  readonly order: Order
}

/** A list with its rare columns, if one of the selected fields reads them. */
export function sourceFor(list: ListSource, selected: ReadonlySet<string>): { source: ListSource; rare: boolean } {
  const { rare } = list
  if (!rare?.fields.some((field) => selected.has(field))) return { source: list, rare: false }
  return { source: { ...list, columns: `${list.columns}, ${rare.columns}` }, rare: true }
}

/** One page of the list of each parent, in one statement, keyed by parent. */
export async function pagesUnder<Row>(
  db: Database,
  source: ListSource,
  parents: readonly string[],
  page: Page,
  condition: (values: Values) => readonly string[] = () => [],
): Promise<Map<string, Row[]>> {
  const values = new Values()
  const ids = values.add(parents, 'uuid[]')
  const { bounds, direction, limit } = keyset(page, source.key, source.order, values)
  const where = allOf([`${source.parent} = parent.id`, ...bounds, ...condition(values)])
  // A number tells a row's parent in fewer bytes than an id, and is sorted by sooner.
  const rows = await db.query<Row & { listOf: number }>(
    `SELECT parent.place::integer AS "listOf", item.* FROM unnest(${ids}) WITH ORDINALITY AS parent (id, place)
     CROSS JOIN LATERAL (
       SELECT ${source.columns} FROM ${source.from} WHERE ${where} ORDER BY ${source.key} ${direction} LIMIT ${limit}
     ) AS item
     ORDER BY parent.place, item."${source.keyName}" ${direction}`,
    values.list,
  )
  return groupByParent(rows, parents)
}

/** How long the list of each parent is; a parent whose list is empty is left out. */
export async function countsUnder(
  db: Database,
  source: Pick<ListSource, 'from' | 'parent'>,
  parents: readonly string[],
  condition: (values: Values) => readonly string[] = () => [],
): Promise<Map<string, number>> {
  const values = new Values()
  const where = allOf([`${source.parent} = ANY (${values.add(parents, 'uuid[]')})`, ...condition(values)])
  const rows = await db.query<{ id: string; count: number }>(
    `SELECT ${source.parent} AS id, count(*)::integer AS count FROM ${source.from} WHERE ${where} GROUP BY 1`,
    values.list,
  )
  return new Map(rows.map(({ id, count }) => [id, count]))
}

function groupByParent<Row>(
  rows: readonly (Row & { listOf: number })[],
  parents: readonly string[],
): Map<string, Row[]> {
  const groups = new Map<string, Row[]>()
  let [place, group]: [number, Row[]] = [0, []]
  for (const row of rows) {
    if (row.listOf !== place) {
      ;[place, group] = [row.listOf, []]
      groups.set(parents[place - 1] ?? '', group)
    }
    group.push(row)
  }
  return groups
}
