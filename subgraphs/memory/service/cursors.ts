import type { Transaction } from '../../../stores/postgres/postgres.ts'
import type { MemoryContext } from '../context.ts'

/** The cursor of a mutation that found its work done: the log as it stands. */
export async function settledCursor({ stores, viewer }: MemoryContext, tx: Transaction): Promise<string> {
  const [head] = await tx.query<{ epoch: number; xid: string; seq: string }>(
    'SELECT epoch, xid, seq FROM events.head()',
  )
  if (!head) throw new Error('the log of events has no head')
  return stores.cursors.encode({ epoch: head.epoch, xid: BigInt(head.xid), seq: BigInt(head.seq) }, viewer.userId)
}
