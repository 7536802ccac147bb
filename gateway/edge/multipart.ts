import type { StreamFormat } from '../../lib/http/response-stream.ts'

/** A boundary is written with the part before it, since readers take a part for whole when its boundary has come. */
const boundary = '\r\n--graphql'
const part = (json: string) => `\r\ncontent-type: application/json\r\n\r\n${json}${boundary}`

/** Apollo's subscriptions over multipart HTTP, `subscriptionSpec=1.0`. */
export const multipartFormat: StreamFormat = {
  contentType: 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"',
  opening: boundary,
  heartbeat: part('{}'),
  complete: '--\r\n',
  place: () => '',
  answer: (text) => part(`{"payload":${text}}`),
  ending: (error) => `${part(`{"payload":null,"errors":[${error}]}`)}--\r\n`,
}
