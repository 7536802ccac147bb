import { createHash } from 'node:crypto'
import type { FieldCipher } from '../../lib/field-encryption.ts'
import type { Signer } from '../../lib/signer.ts'
import type { Postgres, Transaction } from '../postgres/postgres.ts'
import { chainStart, digestOf, hashOf, lastSeal, type Seal } from './chain.ts'
import { auditContext } from './context.ts'

/** Entries that one link covers at most, and values encrypted at a time: neither may hold the database up. */
const entriesAtOnce = 5_000
const valuesAtOnce = 500

export interface SealerOptions {
  readonly postgres: Postgres
  readonly fields: FieldCipher
  readonly signer: Signer
}

/** The place of an entry's values, to which their encryption is bound. */
export const valuesPlace = (entryId: string) => ({ table: 'audit.entry_values', column: 'sealed', row: entryId })

/**
 * Brings the audit up to date, off the path of those who write: values go under their owners' keys, and entries below
 * the horizon into the chain. One process at a time does it; another that tried would lose at the next number.
 * @returns how many links it added
 */
export async function seal(options: SealerOptions): Promise<number> {
  while ((await sealValues(options)) === valuesAtOnce);
  let made = await sealDropped(options)
  for (let added = await sealEntries(options); added > 0; added = await sealEntries(options)) made += added
  return made
}

interface Waiting {
  readonly entry_id: string
  readonly body: string
  /** Null when the owner is gone: what was his is then let go of. */
  readonly key: Buffer | null
}

async function sealValues({ postgres, fields }: SealerOptions): Promise<number> {
  return postgres.write(auditContext('sealer'), async (tx) => {
    const waiting = await tx.query<Waiting>('SELECT entry_id, body, key FROM audit.waiting_values($1)', [valuesAtOnce])
    if (waiting.length === 0) return 0
    const sealed = waiting.map(({ entry_id, body, key }) =>
      key ? fields.seal(body, valuesPlace(entry_id), key) : null,
    )
    await tx.query('SELECT audit.keep_values($1::bigint[], $2::bytea[])', [
      waiting.map(({ entry_id }) => entry_id),
      sealed,
    ])
    return waiting.length
  })
}

function sealEntries({ postgres, signer }: SealerOptions): Promise<number> {
  return postgres.write(auditContext('sealer'), async (tx) => {
    const last = (await lastSeal(tx)) ?? chainStart
    const months = await tx.query<{ month: string; until_xid: string; until_id: string }>(
      'SELECT month::text, until_xid, until_id FROM audit.next_seals($1::text::xid8, $2, $3)',
      [last.untilXid, last.untilId, entriesAtOnce],
    )
    let previous: Pick<Seal, 'number' | 'hash'> = last
    for (const { month, until_xid: untilXid, until_id: untilId } of months) {
      const place = { month, afterXid: last.untilXid, afterId: last.untilId, untilXid, untilId }
      previous = await append(tx, signer, previous, { kind: 'ENTRIES', ...place, ...(await digestOf(tx, place)) })
    }
    return months.length
  })
}

/** A month that retention has dropped becomes a link, so that its entries are known to be gone by rule. */
function sealDropped({ postgres, signer }: SealerOptions): Promise<number> {
  return postgres.write(auditContext('sealer'), async (tx) => {
    const dropped = await tx.query<{ name: string; month: string }>(
      `SELECT name, month::text FROM audit.dropped_partitions AS gone WHERE NOT EXISTS (
         SELECT FROM audit.seals WHERE seals.kind = 'DROPPED' AND seals.month = gone.month) ORDER BY gone.month`,
    )
    const last = (await lastSeal(tx)) ?? chainStart
    let previous: Pick<Seal, 'number' | 'hash'> = last
    for (const { name, month } of dropped) {
      const { untilXid, untilId } = last
      const place = { month, afterXid: untilXid, afterId: untilId, untilXid, untilId }
      const digest = createHash('sha256').update(name).digest()
      previous = await append(tx, signer, previous, { kind: 'DROPPED', ...place, entries: '0', digest })
    }
    return dropped.length
  })
}

async function append(
  tx: Transaction,
  signer: Signer,
  previous: Pick<Seal, 'number' | 'hash'>,
  says: Omit<Seal, 'number' | 'previousHash' | 'hash' | 'signature'>,
): Promise<Seal> {
  const link = { ...says, number: String(BigInt(previous.number) + 1n), previousHash: previous.hash }
  const hash = hashOf(link)
  const made: Seal = { ...link, hash, signature: signer.sign(hash) }
  await tx.query(
    `INSERT INTO audit.seals (number, kind, month, after_xid, after_id, until_xid, until_id, entries, digest, previous_hash,
       hash, signature) VALUES ($1, $2, $3, $4::text::xid8, $5, $6::text::xid8, $7, $8, $9, $10, $11, $12)`,
    [
      made.number,
      made.kind,
      made.month,
      made.afterXid,
      made.afterId,
      made.untilXid,
      made.untilId,
      made.entries,
      made.digest,
      made.previousHash,
      made.hash,
      made.signature,
    ],
  )
  return made
}
