import pg from 'pg'
import type { Table, Target } from './catalog.ts'
import { BackupFileError } from './file.ts'

/** How many minutes there have been since 1970: an epoch that no earlier restore can have had. */
const minutes = () => Math.floor(Date.now() / 60_000)

interface ForeignKey {
  readonly table: string
  readonly name: string
  readonly definition: string
}

/**
 * Puts rows back, in a transaction that its maker began: without triggers and references, which are set again at the end,
 * and under the owner's role, for whom the policies are lifted until then.
 */
export class Loader {
  readonly #client: pg.Client
  readonly #epoch: number
  readonly #keys: readonly ForeignKey[]
  readonly #forced: readonly string[]
  readonly #known: ReadonlySet<string>
  #insert = ''
  #loggedEvents = 0
  table = ''

  private constructor(
    client: pg.Client,
    epoch: number,
    keys: readonly ForeignKey[],
    forced: readonly string[],
    known: string[],
  ) {
    this.#client = client
    this.#epoch = epoch
    this.#keys = keys
    this.#forced = forced
    this.#known = new Set(known)
  }

  /** @param epoch of the log that is given up. */
  static async over(client: pg.Client, tables: readonly Target[], epoch: number): Promise<Loader> {
    const { rows: keys } = await client.query<ForeignKey>(
      `SELECT format('%I.%I', nspname, relname) AS table, conname AS name, pg_get_constraintdef(con.oid) AS definition
       FROM pg_constraint AS con JOIN pg_class ON pg_class.oid = conrelid JOIN pg_namespace AS space ON space.oid = relnamespace
       WHERE contype = 'f' AND conparentid = 0 AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'public'`,
    )
    const forced = tables.filter((table) => table.forced).map(({ name }) => name)
    for (const { table, name } of keys) {
      await client.query(`ALTER TABLE ${table} DROP CONSTRAINT ${pg.escapeIdentifier(name)}`)
    }
    for (const { name } of tables) await client.query(`ALTER TABLE ${name} DISABLE TRIGGER USER`)
    for (const name of forced) await client.query(`ALTER TABLE ${name} NO FORCE ROW LEVEL SECURITY`)
    return new Loader(
      client,
      Math.max(epoch + 1, minutes()),
      keys,
      forced,
      tables.map(({ name }) => name),
    )
  }

  /** The rows that follow are of this table. */
  begin(table: string, columns: Table['columns']): void {
    if (!this.#known.has(table)) throw new BackupFileError(`the backup has a table ${table} that is not there`)
    this.table = table
    const names = columns.map(({ name }) => pg.escapeIdentifier(name)).join(', ')
    const values = columns.map(({ name, type }, index) =>
      this.#valueOf(table, name, `(row.value ->> ${index})::${type}`),
    )
    this.#insert = `INSERT INTO ${table} (${names}) OVERRIDING SYSTEM VALUE SELECT ${values.join(', ')}
      FROM jsonb_array_elements($1::jsonb) WITH ORDINALITY AS row (value, ordinal) ORDER BY row.ordinal`
  }

  /** @param lines each a JSON array. @returns how many there were */
  async rows(lines: readonly string[]): Promise<number> {
    const isLog = this.table === 'events.log'
    const values = [`[${lines.join(',')}]`, ...(isLog ? [this.#loggedEvents] : [])]
    await this.#client.query(this.#insert, values)
    if (isLog) this.#loggedEvents += lines.length
    return lines.length
  }

  /**
   * Transaction ids are this cluster's own: of another's, events would stand in the future, or after those that are yet to
   * come. So the log is numbered anew, in its order, as of this transaction and a new epoch.
   */
  #valueOf(table: string, column: string, value: string): string {
    if (table === 'app.system' && column === 'epoch') return `greatest(${value} + 1, ${this.#epoch})`
    if (table !== 'events.log') return value
    if (column === 'epoch') return '(SELECT epoch FROM app.system)'
    if (column === 'xid') return 'pg_current_xact_id()'
    return column === 'seq' ? '$2::bigint + row.ordinal' : value
  }

  async positions(positions: Readonly<Record<string, number>>): Promise<void> {
    for (const [projector, events] of Object.entries(positions)) {
      await this.#client.query(
        `INSERT INTO events.positions (projector, epoch, xid, seq) SELECT $1, epoch, pg_current_xact_id(), $2 FROM app.system`,
        [projector, events],
      )
    }
  }

  async sequences(sequences: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(sequences)) {
      const least = name === 'events.log_seq' ? this.#loggedEvents : 1
      await this.#client.query('SELECT setval($1::regclass, greatest($2::bigint, $3::bigint))', [name, value, least])
    }
  }

  /** Everything is as it was before, but for the rows. */
  async finish(): Promise<void> {
    await this.#liftAudit()
    for (const name of this.#known) await this.#client.query(`ALTER TABLE ${name} ENABLE TRIGGER USER`)
    for (const name of this.#forced) await this.#client.query(`ALTER TABLE ${name} FORCE ROW LEVEL SECURITY`)
    for (const { table, name, definition } of this.#keys) {
      await this.#client.query(`ALTER TABLE ${table} ADD CONSTRAINT ${pg.escapeIdentifier(name)} ${definition}`)
    }
    await this.#client.query('RESET ROLE')
  }

  /** The audit's chain vouches for the transaction ids too: they stay, and those to come are lifted above them. */
  async #liftAudit(): Promise<void> {
    await this.#client.query(
      `SELECT audit.lift(greatest(0, coalesce(
         (SELECT max(id::text::numeric) FROM (SELECT max(xid) AS id FROM audit.audit_log UNION ALL SELECT max(until_xid) FROM audit.seals) AS ids)
         - pg_current_xact_id()::text::numeric + 1, 0))::bigint)`,
    )
  }
}
