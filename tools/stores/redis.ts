import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folder, freePort, run, type Store, type StoreResult } from './place.ts'

const binary = '/usr/bin/redis-server'

/** What the product may do, as `docs/live.md` says it; tests look into everything as a user of their own. */
const acl = `user default off
user mnemograph on >test ~mnemograph:* &mnemograph:* +@read +@write +@pubsub +@connection +@scripting -@dangerous -scan -randomkey +info
user tests on >test ~* &* +@all
`

/** Redis from Debian, with an ACL file and nothing kept on disk. */
export const redis: Store = {
  name: 'Redis',
  variable: 'MNEMOGRAPH_TEST_REDIS_URL',
  async start(label): Promise<StoreResult> {
    if (!existsSync(binary)) return { missing: 'Redis (apt-get install redis-server)' }
    try {
      const home = folder(`redis-${label}`)
      const port = String(await freePort())
      const users = join(home, 'users.acl')
      writeFileSync(users, acl, { mode: 0o644 })
      const settings = {
        port,
        bind: '127.0.0.1',
        dir: home,
        aclfile: users,
        pidfile: join(home, 'pid'),
        save: '',
        'maxmemory-policy': 'noeviction',
        daemonize: 'yes',
      }
      run(
        binary,
        Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
      )
      return { url: `redis://mnemograph:test@127.0.0.1:${port}` }
    } catch (error) {
      return { missing: `Redis: ${(error as Error).message}` }
    }
  },
  stop(label) {
    const home = folder(`redis-${label}`)
    const pid = join(home, 'pid')
    if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')))
    rmSync(home, { recursive: true, force: true })
  },
}
