import type { Stores } from '../stores.ts'
import { anonymize, type Counts, erase } from './erase.ts'
import { exportAll } from './export.ts'
import { type Subject, step } from './subject.ts'

export type PrivacyAction = 'EXPORT' | 'ERASE' | 'ANONYMIZE'

interface Open extends Subject {
  readonly id: string
  readonly action: PrivacyAction
  readonly requestedAt: Date
}

type Needed = Pick<Stores, 'postgres' | 'vectors' | 'objects' | 'bus' | 'fields' | 'signer' | 'logger'>

/** After so many tries a request is given up, and says so. */
const mostAttempts = 5
/** A request that runs for so long was left behind by a process that ended. */
const abandoned = `interval '10 minutes'`

const columns = `id, tenant_id AS "tenantId", subject_id AS "userId", action, requested_at AS "requestedAt"`

/** Does what a request asks for, once: the one of several processes that takes it does it. */
export async function runRequest(stores: Needed, of: Subject & { readonly id: string }): Promise<void> {
  const request = await step(stores.postgres, of, async (tx) => {
    const [taken] = await tx.query<Open>(
      `UPDATE users.privacy_requests SET state = 'RUNNING', attempts = attempts + 1 WHERE id = $1 AND state = 'PENDING'
       RETURNING ${columns}`,
      [of.id],
    )
    return taken
  })
  if (request === undefined) return
  try {
    const { counts, parts } = await work(stores, request)
    await finish(stores, request, counts, parts)
  } catch (error) {
    stores.logger.error({ err: error, request: request.id }, 'A privacy request failed; it is tried again')
    await step(stores.postgres, request, (tx) =>
      tx.query(
        `UPDATE users.privacy_requests SET state = CASE WHEN attempts >= $2 THEN 'FAILED' ELSE 'PENDING' END WHERE id = $1`,
        [request.id, mostAttempts],
      ),
    )
  }
}

/** Takes up requests that are open, and those that a process left behind. */
export async function runOpenRequests(stores: Needed): Promise<void> {
  const nobody = { tenantId: '00000000-0000-0000-0000-000000000000', userId: '00000000-0000-0000-0000-000000000000' }
  const open = await step(stores.postgres, nobody, async (tx) => {
    await tx.query(
      `UPDATE users.privacy_requests SET state = 'PENDING' WHERE state = 'RUNNING' AND requested_at < now() - ${abandoned}`,
    )
    return tx.query<Open>(
      `SELECT ${columns} FROM users.privacy_requests WHERE state = 'PENDING' ORDER BY requested_at LIMIT 20`,
    )
  })
  for (const request of open) await runRequest(stores, request)
}

async function work(stores: Needed, request: Open): Promise<{ counts: Counts; parts: number }> {
  switch (request.action) {
    case 'EXPORT':
      return exportAll(stores, request, request.id)
    case 'ERASE':
      return { counts: await erase(stores, request), parts: 0 }
    case 'ANONYMIZE':
      return { counts: await anonymize(stores, request), parts: 0 }
  }
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
