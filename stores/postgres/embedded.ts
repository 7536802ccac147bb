import { grantServiceRoles, SERVICE_LOGIN } from './login.ts'
import { type MigrationStep, migrate, migrationStatus } from './migrate.ts'
import { type EmbeddedConnection, type EmbeddedServer, openPglite } from './pglite.ts'
import { findTemplate } from './template.ts'

export interface EmbeddedPostgres {
  readonly server: EmbeddedServer
  /** The login for requests. */
  readonly connection: EmbeddedConnection
}

/** How it is used: it has one session, and a second connection would have to prepare its statements anew at each turn. */
export const oneSession = { max: 1, idleTimeoutMillis: 0, cancellable: false } as const

export interface OpenEmbeddedOptions {
  /** The data directory, or `:memory:`. */
  readonly directory: string
  readonly onProgress?: (step: MigrationStep) => void
}

/**
 * The embedded PostgreSQL, ready for requests: started from the template where that fits, with all migrations applied.
 * @throws DirectoryInUseError, MigrationError
 */
export async function openEmbeddedPostgres(options: OpenEmbeddedOptions): Promise<EmbeddedPostgres> {
  const { directory, onProgress } = options
  const server = await openPglite({ directory, template: findTemplate() })
  try {
    const status = await migrationStatus(server.admin)
    if (status.length === 0 || status.some(({ state }) => state !== 'applied')) {
      await migrate(server.admin, { direction: 'up', ...(onProgress ? { onProgress } : {}) })
      await grantServiceRoles(server.admin)
    }
    return { server, connection: server.as(SERVICE_LOGIN) }
  } catch (error) {
    await server.close()
    throw error
  }
}
