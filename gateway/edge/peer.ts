import type { IncomingMessage } from 'node:http'
import type { Peer } from '../../lib/context.ts'

const longestAgent = 256
const unknownAddress = 'local'

/**
 * Who sent a request. Each proxy adds the address that it was asked from to the end of `X-Forwarded-For`; whatever
 * stands further left is the client's own word, and so is the whole header where there is no proxy.
 * @param proxies how many proxies stand before the edge.
 */
export function peerOf({ socket, headers }: IncomingMessage, proxies: number): Peer {
  const forwarded = proxies === 0 ? [] : String(headers['x-forwarded-for'] ?? '').split(',')
  const address = forwarded.at(-proxies)?.trim() || socket.remoteAddress || unknownAddress
  return {
    address: address.replace(/^::ffff:/, '').slice(0, 64),
    agent: headers['user-agent']?.slice(0, longestAgent) ?? null,
  }
}
