import type pg from 'pg'
import { openOwnerConnection } from '../stores/open.ts'
import { readSettings } from './settings.ts'

/**
 * Runs work as the owner of the database's objects, past all policies: on the server, or on the embedded database.
 * @throws DirectoryInUseError while a server uses the embedded database
 */
export async function withDatabase(
  data: string | undefined,
  work: (connection: pg.ClientConfig) => Promise<void>,
): Promise<void> {
  const config = readSettings({ data })
  const { connection, close } = await openOwnerConnection(config)
  try {
    await work(connection)
  } finally {
    await close()
  }
}
