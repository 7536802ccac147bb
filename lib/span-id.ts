import { randomFillSync } from 'node:crypto'

const spanBytes = 8
/** Asking for eight bytes at a time costs as much as a small query's other work together. */
const pool = Buffer.allocUnsafeSlow(512 * spanBytes)
let used = pool.length

/** A new span id of W3C Trace Context: 16 hexadecimal digits. */
export function nextSpanId(): string {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += spanBytes
  return pool.toString('hex', used - spanBytes, used)
}
