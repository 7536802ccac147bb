import { expect, test } from 'vitest'
import { migrate } from '../../stores/postgres/migrate.ts'
import { readMigrations } from '../../stores/postgres/migrations.ts'
import { describeEachPostgres } from '../kit/postgres.ts'

describeEachPostgres(
  'the project’s migrations',
  (world) => {
    test('go down to nothing and up again', async () => {
      await migrate(world().admin, { direction: 'down', to: 0 })
      expect(await world().sql(`SELECT 1 FROM pg_namespace WHERE nspname = 'users'`)).toEqual([])
      const done = await migrate(world().admin, { direction: 'up' })
      expect(done).toHaveLength(readMigrations().length)
    }, 120_000)
  },
  { backends: ['PGlite'] },
)
