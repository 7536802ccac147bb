import { auditContext } from './context.ts'
import { type SealerOptions, valuesPlace } from './sealer.ts'

const atOnce = 500

interface Outdated {
  readonly entry_id: string
  readonly sealed: Buffer
  readonly key: Buffer
}

/**
 * Encrypts kept values anew that are under an older of the system's keys, so that it may be taken away.
 * @returns how many it renewed
 */
export async function renewValues(options: Pick<SealerOptions, 'postgres' | 'fields'>): Promise<number> {
  let renewed = 0
  for (let done = atOnce; done === atOnce; renewed += done) done = await renewSome(options)
  return renewed
}

function renewSome({ postgres, fields }: Pick<SealerOptions, 'postgres' | 'fields'>): Promise<number> {
  return postgres.write(auditContext('renewal'), async (tx) => {
    const outdated = await tx.query<Outdated>('SELECT entry_id, sealed, key FROM audit.outdated_values($1, $2)', [
      Buffer.from(fields.keyId, 'hex'),
      atOnce,
    ])
    if (outdated.length === 0) return 0
    const anew = outdated.map(({ entry_id, sealed, key }) => {
      const place = valuesPlace(entry_id)
      return fields.seal(fields.open(sealed, place, key), place, key)
    })
    await tx.query('SELECT audit.renew_values($1::bigint[], $2::bytea[])', [
      outdated.map(({ entry_id }) => entry_id),
      anew,
    ])
    return outdated.length
  })
}
