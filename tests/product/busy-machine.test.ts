import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openTestPostgres, urlOf } from '../kit/postgres.ts'
import { startCommand } from '../kit/process.ts'

const skip = !process.env.MNEMOGRAPH_TEST_POSTGRES_URL && process.env.MNEMOGRAPH_REQUIRE_STORES !== '1'

test.skipIf(skip)(
  'a start that takes long to read the program does not take PostgreSQL 18 to be away (set MNEMOGRAPH_TEST_POSTGRES_URL)',
  async () => {
    const database = await openTestPostgres('PostgreSQL 18')
    try {
      const server = await startCommand(['start', '--port', '0', '--data', ':memory:'], {
        MNEMOGRAPH_DATABASE_URL: urlOf(database.admin),
        NODE_OPTIONS: `--import=${join(import.meta.dirname, 'programs/read-slowly.ts')}`,
      })
      expect((await fetch(new URL('/health/ready', server.url))).status).toBe(200)
      await server.end('SIGTERM')
    } finally {
      await database.close()
    }
  },
  90_000,
)
