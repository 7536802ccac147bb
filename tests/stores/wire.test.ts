import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FrameReader, leavesIdle, namedParses } from '../../stores/postgres/wire.ts'

function message(type: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(type)
  head.writeInt32BE(4 + body.length, 1)
  return Buffer.concat([head, body])
}

function startup(parameters: Record<string, string>): Buffer {
  const body = Buffer.from(`${Object.entries(parameters).flat().join('\0')}\0\0`)
  const head = Buffer.alloc(8)
  head.writeInt32BE(8 + body.length, 0)
  head.writeInt32BE(3 << 16, 4)
  return Buffer.concat([head, body])
}

const body = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
/** A flight: some messages that need no answer, then one that does. */
const flight = fc
  .tuple(
    fc.array(fc.tuple(fc.constantFrom('P', 'B', 'D', 'E', 'C'), body), { maxLength: 4 }),
    fc.constantFrom('S', 'Q', 'H'),
    body,
  )
  .map(([before, last, end]) =>
    Buffer.concat([...before.map(([type, bytes]) => message(type, bytes)), message(last, end)]),
  )

test('finds the same flights however the bytes are cut', () => {
  fc.assert(
    fc.property(fc.array(flight, { maxLength: 6 }), fc.array(fc.nat(2000)), (flights, cuts) => {
      const bytes = Buffer.concat([startup({ user: 'ann', database: 'd' }), ...flights])
      const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
      const reader = new FrameReader()
      const frames = places.slice(1).flatMap((end, index) => reader.push(bytes.subarray(places[index], end)))
      expect(frames[0]).toEqual({ kind: 'startup', user: 'ann' })
      expect(frames.slice(1).map((frame) => (frame.kind === 'flight' ? Buffer.from(frame.messages) : frame))).toEqual(
        flights,
      )
    }),
  )
})

test('knows the requests that come before a start-up', () => {
  const request = (code: number, length = 8) => {
    const packet = Buffer.alloc(length)
    packet.writeInt32BE(length, 0)
    packet.writeInt32BE(code, 4)
    return packet
  }
  expect(new FrameReader().push(request(80877103))).toEqual([{ kind: 'encryption' }])
  expect(new FrameReader().push(request(80877102, 16))).toEqual([{ kind: 'cancel' }])
  expect(() => new FrameReader().push(request(2 << 16))).toThrow('unsupported frontend protocol')
  expect(() => new FrameReader().push(Buffer.from('GET / HTTP/1.1\r\n'))).toThrow('invalid length of startup packet')
})

test('tells whether an answer leaves the backend free', () => {
  const ready = (status: string) => message('Z', Buffer.from(status))
  expect(leavesIdle(ready('I'))).toBe(true)
  expect(leavesIdle(ready('T'))).toBe(false)
  expect(leavesIdle(ready('E'))).toBe(false)
  expect(leavesIdle(message('1', Buffer.alloc(0)))).toBe(false)
})

test('the messages that prepare named statements keep nothing else of their flight in memory', () => {
  const parse = message('P', Buffer.from('by_name\0SELECT 1\0\0\0'))
  const bind = message('B', Buffer.alloc(1_000_000))
  const flight = Buffer.concat([
    parse,
    message('P', Buffer.from('\0SELECT 2\0\0\0')),
    bind,
    message('S', Buffer.alloc(0)),
  ])
  for (const given of [flight, Uint8Array.from(flight)]) {
    const [[name, kept] = [], ...others] = [...namedParses(given)]
    expect([name, Buffer.from(kept ?? []), others]).toEqual(['by_name', parse, []])
    expect(kept?.buffer.byteLength).toBe(parse.length)
  }
})
