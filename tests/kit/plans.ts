import type { Postgres } from '../../stores/postgres/postgres.ts'

/** A node of a plan, as `EXPLAIN (FORMAT JSON)` gives it. */
export interface Plan {
  readonly 'Node Type': string
  readonly 'Relation Name'?: string
  readonly 'Index Name'?: string
  readonly Plans?: readonly Plan[]
}

/** Explains each statement before it runs, in the same context and with the same values, into `plans`. */
export function explained(postgres: Postgres, plans: (Plan | undefined)[]): Postgres {
  return {
    ...postgres,
    read: (security, work) =>
      postgres.read(security, (db) =>
        work({
          ...db,
          async query<T>(sql: string, values?: readonly unknown[]) {
            const [row] = await db.query<{ 'QUERY PLAN': readonly { Plan: Plan }[] }>(
              `EXPLAIN (FORMAT JSON) ${sql}`,
              values,
            )
            plans.push(row?.['QUERY PLAN'][0]?.Plan)
            return db.query<T>(sql, values)
          },
        }),
      ),
  }
}
