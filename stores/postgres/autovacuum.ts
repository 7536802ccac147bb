/** PostgreSQL's own thresholds: 50 rows and a tenth of the table changed, or a fifth of it dead. */
const DUE = `
  SELECT format('%I.%I', schemaname, stat.relname) AS table, n_dead_tup > 50 + 0.2 * greatest(reltuples, 0) AS dead
  FROM pg_stat_user_tables AS stat JOIN pg_class ON pg_class.oid = relid
  WHERE n_mod_since_analyze > 50 + 0.1 * greatest(reltuples, 0) OR n_dead_tup > 50 + 0.2 * greatest(reltuples, 0)
  ORDER BY n_mod_since_analyze + n_dead_tup DESC LIMIT 1`

interface Runner {
  query<T>(sql: string): Promise<{ readonly rows: T[] }>
}

/**
 * Does once what PostgreSQL's autovacuum does all the time and PGlite, which has no background processes, never: gives
 * the planner statistics of the table that has changed most, and its dead rows' room back.
 * @returns the table's name, or null when none was due
 */
export async function vacuumOnce(database: Runner): Promise<string | null> {
  const { rows } = await database.query<{ table: string; dead: boolean }>(DUE)
  const due = rows[0]
  if (!due) return null
  await database.query(`${due.dead ? 'VACUUM (ANALYZE)' : 'ANALYZE'} ${due.table}`)
  return due.table
}
