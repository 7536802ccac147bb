import type { Database, Postgres, Transaction } from '../postgres/postgres.ts'
import type { SecurityContext } from '../postgres/security.ts'

/** Whose data it is. */
export interface Subject {
  readonly tenantId: string
  readonly userId: string
}

/** How long one step may take. Milliseconds. */
const stepMs = 120_000

/** Works on the subject's own rows and on no other's: row-level security knows no more rows than his. */
export function subjectContext({ tenantId, userId }: Subject, traceId: string): SecurityContext {
  const deadline = Date.now() + stepMs
  return { role: 'privacy', tenantId, userId, sessionId: null, traceId, deadline }
}

/** The tables that hold rows of users, those that refer to others before them. */
export async function ownedTables(db: Database): Promise<string[]> {
  const rows = await db.query<{ name: string }>('SELECT name FROM app.owned_tables_in_order ORDER BY level, name')
  return rows.map(({ name }) => name)
}

/** One step of work for a subject, in a transaction of its own. */
export function step<T>(postgres: Postgres, subject: Subject, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return postgres.write(subjectContext(subject, 'privacy'), work)
}
