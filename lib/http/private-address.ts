import { BlockList, isIPv6 } from 'node:net'

/** What is reached from this machine, or from within a private network alone (RFC 1918, 4193, 6598, link-local). */
const privately = new BlockList()
for (const [network, prefix] of [
  ['127.0.0.0', 8],
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
] as const) {
  privately.addSubnet(network, prefix, 'ipv4')
}
privately.addAddress('::1', 'ipv6')
privately.addSubnet('fc00::', 7, 'ipv6')
privately.addSubnet('fe80::', 10, 'ipv6')

/** Whether an address that something listens on is out of strangers' reach. `0.0.0.0` and `::` are every address there is. */
export function isPrivateAddress(address: string): boolean {
  return privately.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
}
