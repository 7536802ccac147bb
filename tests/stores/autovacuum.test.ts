import { openAsBlob } from 'node:fs'
import { PGlite } from '@electric-sql/pglite'
import { vector } from '@electric-sql/pglite-pgvector'
import { expect, test } from 'vitest'
import { vacuumOnce } from '../../stores/postgres/autovacuum.ts'
import { findTemplate } from '../../stores/postgres/template.ts'

const image = findTemplate()?.image ?? ''

/** Makes the counters of what was done before visible now, not within a second. */
const COUNT = 'SELECT pg_stat_force_next_flush()'

test('analyses what changed most, gives dead rows back, and then finds nothing due', async () => {
  const database = await PGlite.create({ extensions: { vector }, loadDataDir: await openAsBlob(image) })
  await database.exec(`CREATE TABLE few (n integer); INSERT INTO few VALUES (1);
    CREATE TABLE many (n integer); INSERT INTO many SELECT generate_series(1, 5000)`)
  await database.exec(COUNT)
  expect(await vacuumOnce(database)).toBe('public.many')
  const { rows } = await database.query(`SELECT reltuples FROM pg_class WHERE relname = 'many'`)
  expect(rows).toEqual([{ reltuples: 5000 }])
  await database.exec('DELETE FROM many WHERE n > 100')
  await database.exec(COUNT)
  expect(await vacuumOnce(database)).toBe('public.many')
  const size = await database.query<{ pages: number }>(`SELECT relpages AS pages FROM pg_class WHERE relname = 'many'`)
  expect(size.rows[0]?.pages).toBe(1)
  await database.exec(COUNT)
  expect(await vacuumOnce(database)).toBe(null)
  await database.close()
})
