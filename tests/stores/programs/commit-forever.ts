import { writeSync } from 'node:fs'
import pg from 'pg'
import { openPglite } from '../../../stores/postgres/pglite.ts'
import { findTemplate } from '../../../stores/postgres/template.ts'

/** Commits one row after another and prints each number once its commit is acknowledged, until it is killed. */
const server = await openPglite({ directory: process.argv[2] as string, template: findTemplate() })
const client = new pg.Client(server.admin)
await client.connect()
await client.query('CREATE TABLE IF NOT EXISTS public.acknowledged (n integer PRIMARY KEY)')
const { rows } = await client.query<{ n: number }>('SELECT coalesce(max(n), 0) AS n FROM public.acknowledged')
for (let n = (rows[0]?.n ?? 0) + 1; ; n += 1) {
  await client.query('BEGIN')
  await client.query('INSERT INTO public.acknowledged VALUES ($1)', [n])
  await client.query('COMMIT')
  writeSync(1, `${n}\n`)
}
