import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leastPacked, packText, unpackText } from '../../lib/packed-text.ts'

const line = 'The ferry to Läsø leaves at half past nine, and the harbour café opens an hour before. '

test('what is packed is what was said, to the last character, and smaller', async () => {
  const part = fc.oneof(
    fc.constantFrom(line, '🜁🜂', 'é', 'é', '\u202eright to left', '\r\n\t', '　'),
    fc.string({ unit: 'grapheme' }),
  )
  const text = fc.array(part, { maxLength: 40, size: 'max' }).map((parts) => parts.join(''))
  let packed = 0
  await fc.assert(
    fc.asyncProperty(
      text.filter((value) => value.isWellFormed()),
      async (said) => {
        const bytes = await packText(said)
        if (bytes === null) return
        packed += 1
        expect(unpackText(bytes)).toBe(said)
        expect(bytes.length).toBeLessThanOrEqual(0.9 * Buffer.byteLength(said))
      },
    ),
    { numRuns: 300 },
  )
  expect(packed).toBeGreaterThan(50)
})

test.each([
  ['nothing', ''],
  ['a tiny text', 'Yes.'],
  ['one just below the bound', 'a'.repeat(leastPacked - 1)],
  ['what has no order in it', 'q7#Zp!x@V9m$Lw2^Ks8&Bd4*Hf6(Jt1)Nc3_Ry5+Ug0=Ea%Xo~Wi;Pv:Mq,Tz.Yb<Cj>Sk?Gl/Dh|Fn-Ar'],
])('%s stays plain', async (_, text) => {
  expect(await packText(text)).toBeNull()
})

test('a text of the longest kind is packed', async () => {
  const text = line.repeat(800).slice(0, 65_536)
  const bytes = await packText(text)
  expect(bytes?.length).toBeLessThan(500)
  expect(unpackText(bytes ?? Buffer.alloc(0))).toBe(text)
})

test('a damaged byte, wherever it is, or a lost end is noticed, and never read as another text', async () => {
  const bytes = (await packText(line.repeat(2))) as Buffer
  for (let place = 0; place < bytes.length; place++) {
    for (const bit of [1, 16, 128]) {
      const damaged = Buffer.from(bytes)
      damaged[place] = (damaged[place] ?? 0) ^ bit
      expect([null, line.repeat(2)]).toContain(unpackText(damaged))
    }
    expect(unpackText(bytes.subarray(0, place))).toBeNull()
  }
})

test('bytes that would swell beyond any memory are damaged', async () => {
  const { brotliCompressSync, crc32 } = await import('node:zlib')
  const bomb = Buffer.alloc(64 * 1024 * 1024, 'a')
  const header = Buffer.alloc(5)
  header[0] = 1
  header.writeUInt32BE(crc32(bomb), 1)
  expect(unpackText(Buffer.concat([header, brotliCompressSync(bomb)]))).toBeNull()
})
