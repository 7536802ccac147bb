import { openingName } from './participants.ts'
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

/** How many terms the first look tells apart; one that is not asked for goes no further, mostly. */
const looks = 8192

/** Terms with their numbers, by what entries know them by. */
export class AskedTerms {
  readonly #numbers: ReadonlyMap<number, number>
  readonly #first = new Uint8Array(looks)

  constructor(terms: ReadonlyMap<string, number>) {
    this.#numbers = new Map([...terms].map(([term, number]) => [hash(term), number]))
    for (const hashed of this.#numbers.keys()) this.#first[hashed & (looks - 1)] = 1
  }

  /** The number of the term with this hash; none when it is not asked for. */
  numberOf(hashed: number): number | undefined {
    return this.#first[hashed & (looks - 1)] === 0 ? undefined : this.#numbers.get(hashed)
  }
}

/** The asked terms that entries have, one entry after the other. */
export interface FoundTerms {
  /** Their numbers. */
  readonly terms: number[]
  /** How often each is said, 255 at most. */
  readonly counts: number[]
  /** Its place among the entry's terms. */
  readonly places: number[]
}

/** An entry where it stands in its bytes. */
export class ForwardEntry {
  readonly #bytes: Buffer
  readonly #begin: number
  readonly #termsAt: number
  readonly #wordsAt: number
  readonly #end: number

  constructor(bytes: Buffer, begin = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#begin = begin
    this.#termsAt = begin + NAME_AT + 3 + bytes.readUInt8(begin + NAME_AT)
    this.#wordsAt = this.#termsAt + bytes.readUInt16LE(this.#termsAt - 2) * 5
    this.#end = end
  }

  /** Milliseconds since 1970. */
  get occurredAt(): number {
    return this.#bytes.readDoubleLE(this.#begin + 2)
  }

  /** The name that the text opens with (`Name: …`), folded. */
  get name(): string | null {
    const [begin, end] = [this.#begin + NAME_AT + 1, this.#termsAt - 2]
    return begin === end ? null : this.#bytes.toString('utf8', begin, end)
  }

  /** Bits of `TRAITS`. */
  get traits(): number {
    return this.#bytes.readUInt8(this.#begin + 1)
  }

  /** How many terms it has, all counted. */
  get length(): number {
    return this.#bytes.readUInt32LE(this.#begin + LENGTH_AT)
  }

  /** Adds those of its terms that are asked for. */
  addTerms(asked: AskedTerms, { terms, counts, places }: FoundTerms): void {
    for (let at = this.#termsAt; at < this.#wordsAt; at += 5) {
      const term = asked.numberOf(this.#bytes.readInt32LE(at))
      if (term === undefined) continue
      terms.push(term)
      counts.push(this.#bytes.readUInt8(at + 4))
      places.push((at - this.#termsAt) / 5)
    }
  }

  /** Whether a word by the term at the first of these places is followed by one by that at the second. */
  says(first: number, second: number): boolean {
    for (let at = this.#wordsAt; at + 4 <= this.#end; at += 2) {
      if (this.#bytes.readUInt16LE(at) === first && this.#bytes.readUInt16LE(at + 2) === second) return true
    }
    return false
  }
}

/** FNV-1a over a term's UTF-16 code units, as a signed number of 32 bits. */
function hash(term: string): number {
  let value = 0x811c9dc5
  for (let i = 0; i < term.length; i++) value = Math.imul(value ^ term.charCodeAt(i), 0x01000193)
  return value | 0
}
