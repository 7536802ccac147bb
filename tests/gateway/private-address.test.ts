import { expect, test } from 'vitest'
import { isPrivateAddress } from '../../lib/http/private-address.ts'

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['10.2.3.4', true],
  ['172.31.255.255', true],
  ['192.168.0.1', true],
  ['100.64.0.1', true],
  ['fd12:3456::1', true],
  ['fe80::1', true],
  ['::ffff:10.0.0.1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['172.32.0.1', false],
  ['8.8.8.8', false],
  ['::ffff:8.8.8.8', false],
  ['2001:db8::1', false],
])('%s is private: %s', (address, expected) => {
  expect(isPrivateAddress(address)).toBe(expected)
})
