import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  createFieldCipher,
  FieldDecryptionError,
  loadFieldCipher,
  readEncryptionKeys,
} from '../../lib/field-encryption.ts'

const place = { table: 'users.secrets', column: 'value', row: '1' }
const owner = Buffer.alloc(32, 1)
const [older, newer] = [Buffer.alloc(32, 2), Buffer.alloc(32, 3)]
const cipher = createFieldCipher([older])

describe('an encrypted field', () => {
  test('opens to what it was, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(cipher.open(cipher.seal(text, place, owner), place, owner).toString()).toBe(Buffer.from(text).toString())
      }),
    )
  })

  test('is never twice the same, and does not show what it holds', () => {
    const text = 'a very telling secret'
    const [first, second] = [cipher.seal(text, place, owner), cipher.seal(text, place, owner)]
    expect(first.equals(second)).toBe(false)
    expect(first.includes(Buffer.from(text))).toBe(false)
  })

  test.each([
    ['another row', { ...place, row: '2' }, owner],
    ['another column', { ...place, column: 'note' }, owner],
    ['another table', { ...place, table: 'users.notes' }, owner],
    ['another owner', place, Buffer.alloc(32, 9)],
    ['an owner whose key is gone', place, Buffer.alloc(0)],
  ])('does not open for %s', (_, where, key) => {
    const sealed = cipher.seal('x', place, owner)
    expect(() => cipher.open(sealed, where, key)).toThrow(FieldDecryptionError)
  })

  test('does not open when any bit of it was changed', () => {
    const sealed = cipher.seal('four', place, owner)
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
      expect(() => cipher.open(changed, place, owner)).toThrow(FieldDecryptionError)
    }
    for (const end of [0, 5, sealed.length - 1]) {
      expect(() => cipher.open(sealed.subarray(0, end), place, owner)).toThrow(FieldDecryptionError)
    }
  })

  test('outlives a rotation while its key is kept, and asks to be sealed anew', () => {
    const rotated = createFieldCipher([newer, older])
    const sealed = cipher.seal('kept', place, owner)
    expect(rotated.open(sealed, place, owner).toString()).toBe('kept')
    expect(rotated.isCurrent(sealed)).toBe(false)
    const anew = rotated.seal('kept', place, owner)
    expect(rotated.isCurrent(anew)).toBe(true)
    expect(() => cipher.open(anew, place, owner)).toThrow(FieldDecryptionError)
  })
})

test('the data directory keeps the key, for its owner alone', () => {
  const directory = mkdtempSync(join(tmpdir(), 'fields-'))
  try {
    const sealed = loadFieldCipher(directory).seal('kept', place, owner)
    expect(loadFieldCipher(directory).open(sealed, place, owner).toString()).toBe('kept')
    expect(statSync(join(directory, 'encryption-keys')).mode & 0o777).toBe(0o600)
  } finally {
    rmSync(directory, { recursive: true })
  }
})

test('keys are of 32 bytes', () => {
  expect(readEncryptionKeys(`${older.toString('base64')},${newer.toString('base64')}`)).toEqual([older, newer])
  expect(() => readEncryptionKeys('c2hvcnQ=')).toThrow('32 bytes')
  expect(() => readEncryptionKeys(' ')).toThrow('32 bytes')
})
