import { openingName } from './participants.ts'
import type { Asked } from './port.ts'
import type { Analysis } from './tokens.ts'
import { traitsOf } from './traits.ts'

/**
 * The forward index: all that recall weighs of a text, packed into bytes when the text is written, so that the thousands
 * of texts that a question is weighed against need neither be sent nor read again. Little endian:
 *
 *   u8 format, u8 traits, f64 when it happened (milliseconds since 1970), u32 length (its terms, all counted),
 *   u8 n and n bytes: the folded name that it opens with, u16 m and m times a u32 hash and a u8 count: its terms,
 *   then as u16 the places, among those, of the first term of each of its words, in order.
 *
 * Terms are told apart by 32 bits of hash: two of one question's and one text's meet once in tens of millions of texts.
 */
export interface ForwardEntry {
  readonly occurredAt: Date
  /** The name that the text opens with (`Name: …`), folded. */
  readonly name: string | null
  /** Bits of `TRAITS`. */
  readonly traits: number
  /** How many terms it has, all counted. */
  readonly length: number
  /** The asked terms that it has, with their counts, 255 at most. */
  readonly terms: ReadonlyMap<string, number>
  /** How many of the asked pairs stand side by side in it. */
  readonly pairs: number
}

const FORMAT = 1
const LENGTH_AT = 10
const NAME_AT = 14
const mostTerms = 0xffff
const longestName = 255

/** Packs a text's entry. */
export function packForward(content: string, occurredAt: Date, { terms, length, words }: Analysis): Buffer {
  const name = Buffer.from(openingName(content) ?? '').subarray(0, longestName)
  const counted = [...terms].slice(0, mostTerms)
  const places = new Map(counted.map(([term], place) => [term, place]))
  const sequence = words.flatMap((word) => places.get(word) ?? [])
  const bytes = Buffer.allocUnsafe(NAME_AT + 1 + name.length + 2 + counted.length * 5 + sequence.length * 2)
  bytes.writeUInt8(FORMAT, 0)
  bytes.writeUInt8(traitsOf(content), 1)
  bytes.writeDoubleLE(occurredAt.getTime(), 2)
  bytes.writeUInt32LE(length, LENGTH_AT)
  bytes.writeUInt8(name.length, NAME_AT)
  let at = NAME_AT + 1 + name.copy(bytes, NAME_AT + 1)
  at = bytes.writeUInt16LE(counted.length, at)
  for (const [term, count] of counted) at = bytes.writeUInt8(Math.min(count, 0xff), bytes.writeInt32LE(hash(term), at))
  for (const place of sequence) at = bytes.writeUInt16LE(place, at)
  return bytes
}

/** Most texts have nothing of what is asked. */
const NO_TERMS: ReadonlyMap<string, number> = new Map()

/**
 * Reads entries for one question, each where it stands in its bytes: of its terms and pairs only those asked for. What it
 * does for each of thousands of texts makes no functions and no parts of the bytes: that takes longer than to read them.
 */
export function forwardReader(asked: Asked): (bytes: Buffer, begin?: number, end?: number) => ForwardEntry {
  const byHash = new Map([...asked.terms].map((term) => [hash(term), term]))
  const pairs = [...asked.pairs].map((pair) => pair.split(' ') as [string, string])
  return (bytes, begin = 0, end = bytes.length) => {
    const nameAt = begin + NAME_AT + 1
    const termsAt = nameAt + bytes.readUInt8(nameAt - 1) + 2
    const wordsAt = termsAt + bytes.readUInt16LE(termsAt - 2) * 5
    const terms = termsIn(bytes, termsAt, wordsAt, byHash)
    return {
      occurredAt: new Date(bytes.readDoubleLE(begin + 2)),
      name: nameAt + 2 === termsAt ? null : bytes.toString('utf8', nameAt, termsAt - 2),
      traits: bytes.readUInt8(begin + 1),
      length: bytes.readUInt32LE(begin + LENGTH_AT),
      terms,
      pairs: terms.size === 0 ? 0 : pairsIn(bytes, { termsAt, wordsAt, end }, terms, pairs),
    }
  }
}

/** Where the parts of an entry begin, and where it ends. */
interface Parts {
  readonly termsAt: number
  readonly wordsAt: number
  readonly end: number
}

function termsIn(bytes: Buffer, begin: number, end: number, byHash: ReadonlyMap<number, string>) {
  let terms: Map<string, number> | null = null
  for (let at = begin; at < end; at += 5) {
    const term = byHash.get(bytes.readInt32LE(at))
    if (term === undefined) continue
    terms ??= new Map()
    terms.set(term, bytes.readUInt8(at + 4))
  }
  return terms ?? NO_TERMS
}

function pairsIn(
  bytes: Buffer,
  parts: Parts,
  terms: ReadonlyMap<string, number>,
  pairs: readonly (readonly [string, string])[],
): number {
  let count = 0
  for (const [a, b] of pairs) if (terms.has(a) && terms.has(b) && isSaid(bytes, parts, a, b)) count++
  return count
}

function isSaid(bytes: Buffer, { termsAt, wordsAt, end }: Parts, a: string, b: string): boolean {
  const [first, second] = [placeOf(bytes, termsAt, wordsAt, a), placeOf(bytes, termsAt, wordsAt, b)]
  for (let at = wordsAt; at + 4 <= end; at += 2) {
    if (bytes.readUInt16LE(at) === first && bytes.readUInt16LE(at + 2) === second) return true
  }
  return false
}

function placeOf(bytes: Buffer, begin: number, end: number, term: string): number {
  const wanted = hash(term)
  for (let at = begin; at < end; at += 5) if (bytes.readInt32LE(at) === wanted) return (at - begin) / 5
  return -1
}

/** FNV-1a over a term's UTF-16 code units, as a signed number of 32 bits. */
function hash(term: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < term.length; i++) value = Math.imul(value ^ term.charCodeAt(i), 0x01000193)
  return value | 0
}
