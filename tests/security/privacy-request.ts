import { expect } from 'vitest'
import { runOpenRequests } from '../../stores/privacy/worker.ts'
import type { Data, Person, Product } from '../kit/product.ts'

const shown = 'request { id action state parts completedAt receipt { counts text signature } }'

/** Asks for something to be done with somebody's data; the answer waits a while for it. */
export async function requestPrivacy(who: Person, input: object): Promise<Data> {
  const asking = `mutation ($input: RequestPrivacyActionInput!) { requestPrivacyAction(input: $input) { __typename
    ... on RequestPrivacyActionSuccess { ${shown} } ... on Problem { code path } } }`
  return (await who.ask(asking, { input })).requestPrivacyAction
}

/**
 * Asks for it and waits until it is done, which any transaction on the same server may hold up for longer than the
 * answer waits.
 * @param staff sees it when its subject no longer can
 */
export async function untilDone(product: Product, staff: Person, who: Person, input: object): Promise<Data> {
  const { request } = await requestPrivacy(who, input)
  const look = `query ($id: ID!) { ${shown.replace('request', 'request: privacyRequest(id: $id)')} }`
  let now = request
  await expect
    .poll(
      async () => {
        await runOpenRequests(product.server.stores)
        now = (await staff.ask(look, { id: request.id })).request
        return now.state
      },
      { timeout: 90_000 },
    )
    .toBe('COMPLETED')
  return now
}
