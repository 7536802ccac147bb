import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { grantServiceRoles } from './login.ts'
import { migrate } from './migrate.ts'
import { readMigrations } from './migrations.ts'
import { type ClusterTemplate, openPglite } from './pglite.ts'

export const TEMPLATE_DIRECTORY = fileURLToPath(new URL('../../generated/pglite-template', import.meta.url))

const INGREDIENTS = ['@electric-sql/pglite', '@electric-sql/pglite-pgvector']

/** The template made for exactly these migrations and this PGlite, or null when there is none. */
export function findTemplate(directory: string = TEMPLATE_DIRECTORY): ClusterTemplate | null {
  const key = join(directory, 'key')
  if (!existsSync(key) || readFileSync(key, 'utf8') !== templateKey()) return null
  return { directory: join(directory, 'cluster'), image: join(directory, 'cluster.tar') }
}

/** Makes the template anew: an initialised cluster with every migration applied and the service login in place. */
export async function buildTemplate(directory: string = TEMPLATE_DIRECTORY): Promise<void> {
  mkdirSync(dirname(directory), { recursive: true })
  const draft = mkdtempSync(`${directory}-`)
  const key = templateKey()
  try {
    const server = await openPglite({ directory: join(draft, 'data') })
    try {
      await migrate(server.admin, { direction: 'up' })
      await grantServiceRoles(server.admin)
      await tune(server.admin)
      await dropSpareDatabases(server.admin)
      writeFileSync(join(draft, 'cluster.tar'), await server.dump())
    } finally {
      await server.close()
    }
    cpSync(join(draft, 'data', 'postgres'), join(draft, 'cluster'), { recursive: true })
    rmSync(join(draft, 'data'), { recursive: true })
    // The key comes last: a template without one is never used.
    writeFileSync(join(draft, 'key'), key)
    rmSync(directory, { recursive: true, force: true })
    renameSync(draft, directory)
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** The two databases that others are made from are two thirds of a cluster's files, and here no other is ever made. */
async function dropSpareDatabases(admin: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(admin)
  await client.connect()
  await client.query('UPDATE pg_database SET datistemplate = false')
  await client.query('DROP DATABASE template0')
  await client.query('DROP DATABASE template1')
  await client.query('CHECKPOINT')
  await client.end()
}

/** PostgreSQL's own buffers lie in this process's memory; a quarter of its default is enough beside the system's file cache. */
async function tune(admin: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(admin)
  await client.connect()
  await client.query("ALTER SYSTEM SET shared_buffers = '32MB'")
  await client.end()
}

/** Names what a template is made of: the versions of PGlite and pgvector, the roles, and every migration's text. */
export function templateKey(): string {
  const hash = createHash('sha256')
  for (const ingredient of INGREDIENTS) hash.update(`${ingredient} ${version(ingredient)}\n`)
  hash.update(readFileSync(new URL('./roles.ts', import.meta.url)))
  for (const { id, name, checksum } of readMigrations()) hash.update(`${id} ${name} ${checksum}\n`)
  return hash.digest('hex')
}

/** Read from the package's folder, since its exports hide package.json. */
function version(name: string): string {
  const paths = createRequire(import.meta.url).resolve.paths(name) ?? []
  const file = paths.map((path) => join(path, name, 'package.json')).find((path) => existsSync(path))
  if (!file) throw new Error(`${name} is not installed`)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}
