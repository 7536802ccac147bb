import type { Stores } from '../stores.ts'
import { anonymize, erase, ProjectorsBehindError } from './erase.ts'
import { exportAll } from './export.ts'
import { type Subject, step } from './subject.ts'
import { type Counts, Tally } from './tally.ts'

export type PrivacyAction = 'EXPORT' | 'ERASE' | 'ANONYMIZE'

interface Open extends Subject {
  readonly id: string
  readonly action: PrivacyAction
  readonly requestedAt: Date
  readonly counts: Counts
}

type Needed = Pick<
  Stores,
  'postgres' | 'collections' | 'objects' | 'bus' | 'cache' | 'ledger' | 'fields' | 'signer' | 'logger'
>

/** After so many tries a request is given up, and says so. */
const mostAttempts = 5
/** A request that runs for so long was left behind by a process that ended. */
const abandoned = `interval '10 minutes'`

const nil = '00000000-0000-0000-0000-000000000000'
const nobody: Subject = { tenantId: nil, userId: nil }

const columns = `id, tenant_id AS "tenantId", subject_id AS "userId", action, requested_at AS "requestedAt", counts`

/**
 * Does what a request asks for, once: the one of several processes that takes it does it.
 * @param patienceMs how long it waits for projectors that are behind; then the request stays open, and is taken up again.
 */
export async function runRequest(
  stores: Needed,
  of: Subject & { readonly id: string },
  patienceMs: number,
): Promise<void> {
  const request = await step(stores.postgres, of, async (tx) => {
    const [taken] = await tx.query<Open>(
      `UPDATE users.privacy_requests SET state = 'RUNNING', attempts = attempts + 1, taken_at = clock_timestamp() WHERE id = $1 AND state = 'PENDING'
       RETURNING ${columns}`,
      [of.id],
    )
    return taken
  })
  if (request === undefined) return
  try {
    const { counts, parts } = await work(stores, request, patienceMs)
    await finish(stores, request, counts, parts)
  } catch (error) {
    if (error instanceof ProjectorsBehindError) return later(stores, request, error.message)
    stores.logger.error({ err: error, request: request.id }, 'A privacy request failed; it is tried again')
    await step(stores.postgres, request, (tx) =>
      tx.query(
        `UPDATE users.privacy_requests SET state = CASE WHEN attempts >= $2 THEN 'FAILED' ELSE 'PENDING' END WHERE id = $1`,
        [request.id, mostAttempts],
      ),
    )
  }
}

async function later(stores: Needed, request: Open, why: string): Promise<void> {
  stores.logger.info({ request: request.id }, `A privacy request ${why}`)
  await step(stores.postgres, request, (tx) =>
    tx.query(`UPDATE users.privacy_requests SET state = 'PENDING', attempts = attempts - 1 WHERE id = $1`, [
      request.id,
    ]),
  )
}

/** How many requests have still to be done. */
export async function openRequests({ postgres }: Pick<Stores, 'postgres'>): Promise<number> {
  const rows = await step(postgres, nobody, (tx) =>
    tx.query(`SELECT FROM users.privacy_requests WHERE state IN ('PENDING', 'RUNNING')`),
  )
  return rows.length
}

/** Takes up requests that are open, and those that a process left behind. */
export async function runOpenRequests(stores: Needed): Promise<void> {
  const open = await step(stores.postgres, nobody, async (tx) => {
    await tx.query(
      `UPDATE users.privacy_requests SET state = 'PENDING' WHERE state = 'RUNNING' AND taken_at < now() - ${abandoned}`,
    )
    return tx.query<Open>(
      `SELECT ${columns} FROM users.privacy_requests WHERE state = 'PENDING' ORDER BY requested_at LIMIT 20`,
    )
  })
  for (const request of open) await runRequest(stores, request, 0)
}

async function work(stores: Needed, request: Open, patienceMs: number): Promise<{ counts: Counts; parts: number }> {
  if (request.action === 'EXPORT') return exportAll(stores, request, request.id)
  const tally = new Tally(stores.postgres, request, request.counts)
  const run = { tally, patienceMs }
  await (request.action === 'ERASE' ? erase(stores, request, run) : anonymize(stores, request, run))
  return { counts: tally.counts, parts: 0 }
}

/** The receipt is the text that was signed: whoever has the public key can check it without asking us. */
async function finish(stores: Needed, request: Open, counts: Counts, parts: number): Promise<void> {
  const { id, action, userId, tenantId, requestedAt } = request
  const completedAt = new Date()
  const receipt = JSON.stringify({
    request: id,
    action,
    subject: userId,
    tenant: tenantId,
    requestedAt,
    completedAt,
    counts,
  })
  const signature = stores.signer.sign(Buffer.from(receipt))
  await step(stores.postgres, request, (tx) =>
    tx.query(
      `UPDATE users.privacy_requests SET state = 'COMPLETED', completed_at = $2, receipt = $3, signature = $4, parts = $5
       WHERE id = $1`,
      [id, completedAt, receipt, signature, parts],
    ),
  )
}
