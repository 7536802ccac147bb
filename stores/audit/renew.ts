import { type Outdated, sealAnew } from '../../lib/seal-anew.ts'
import type { Stores } from '../stores.ts'
import { auditContext } from './context.ts'
import { valuesPlace } from './sealer.ts'

const atOnce = 500

type Value = Outdated & { readonly entry_id: string }

/** Encrypts kept values anew that are under an older of the system's keys, so that it may be taken away. */
export async function renewValues(stores: Pick<Stores, 'postgres' | 'fields' | 'logger'>): Promise<void> {
  for (let after: string | undefined = '0'; after !== undefined; ) after = await renewPage(stores, after)
}

/** @returns the place after which to go on, when there may be more */
function renewPage(stores: Pick<Stores, 'postgres' | 'fields' | 'logger'>, after: string): Promise<string | undefined> {
  const { postgres, fields } = stores
  return postgres.write(auditContext('renewal'), async (tx) => {
    const page = await tx.query<Value>('SELECT entry_id, sealed, key FROM audit.outdated_values($1, $2, $3)', [
      Buffer.from(fields.keyId, 'hex'),
      after,
      atOnce,
    ])
    const renewed = page.flatMap((value) => {
      const body = sealAnew(stores, value, valuesPlace(value.entry_id))
      return body ? [{ entry: value.entry_id, body }] : []
    })
    if (renewed.length > 0) {
      await tx.query('SELECT audit.renew_values($1::bigint[], $2::bytea[])', [
        renewed.map(({ entry }) => entry),
        renewed.map(({ body }) => body),
      ])
    }
    return page.length < atOnce ? undefined : page.at(-1)?.entry_id
  })
}
