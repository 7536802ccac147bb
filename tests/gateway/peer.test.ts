import type { IncomingMessage } from 'node:http'
import { describe, expect, test } from 'vitest'
import { peerOf } from '../../gateway/edge/peer.ts'

const from = (remoteAddress: string, headers: Record<string, string> = {}) =>
  ({ socket: { remoteAddress }, headers }) as unknown as IncomingMessage

describe('where a request came from', () => {
  test('is who holds the connection, whatever a header says', () => {
    const forged = from('192.0.2.1', { 'x-forwarded-for': '203.0.113.9', 'user-agent': 'curl/8.0' })
    expect(peerOf(forged, 0)).toEqual({ address: '192.0.2.1', agent: 'curl/8.0' })
    expect(peerOf(from('::ffff:192.0.2.1'), 0)).toEqual({ address: '192.0.2.1', agent: null })
  })

  test.each([
    [1, '203.0.113.9, 198.51.100.1', '198.51.100.1'],
    [2, '203.0.113.9, 198.51.100.1', '203.0.113.9'],
    [3, '203.0.113.9, 198.51.100.1', '192.0.2.1'],
    [1, '', '192.0.2.1'],
  ])('behind %i proxies is what they added to %j', (proxies, forwarded, address) => {
    expect(peerOf(from('192.0.2.1', { 'x-forwarded-for': forwarded }), proxies).address).toBe(address)
  })

  test('is bounded', () => {
    const long = from('192.0.2.1', { 'x-forwarded-for': 'a'.repeat(5000), 'user-agent': 'b'.repeat(5000) })
    expect(peerOf(long, 1)).toEqual({ address: 'a'.repeat(64), agent: 'b'.repeat(256) })
  })
})
