import pg from 'pg'
import { grantServiceRoles } from './login.ts'
import { type MigrationStep, migrate, migrationStatus } from './migrate.ts'

export interface OpenServerOptions {
  /** `postgres://…`; its user may make roles, for the migrations. */
  readonly url: string
  readonly onProgress?: (step: MigrationStep) => void
}

const connections = 20
const connectTimeoutMs = 5_000

/**
 * A PostgreSQL server, ready for requests: all migrations applied. Requests come in with the same login and switch to
 * a service role before each statement, so what runs owns nothing and has no way past row-level security.
 * @throws MigrationError, or the driver's error when the server cannot be reached
 */
export async function openServerPostgres({ url, onProgress }: OpenServerOptions): Promise<pg.PoolConfig> {
  const admin: pg.ClientConfig = { connectionString: url, connectionTimeoutMillis: connectTimeoutMs }
  const status = await migrationStatus(admin)
  if (status.length === 0 || status.some(({ state }) => state !== 'applied')) {
    await migrate(admin, { direction: 'up', ...(onProgress ? { onProgress } : {}) })
  }
  const { user } = new pg.Client(admin)
  await grantServiceRoles(admin, user ?? 'postgres')
  return { ...admin, max: connections }
}
