import { AskedTerms, ForwardEntry, type FoundTerms } from './forward.ts'
import type { Asked } from './port.ts'

/** Where a memory stands, and who said it. */
export interface Place {
  readonly id: string
  /** What its session is told apart by among these documents, from 1; 0 outside any: it has no neighbours then. */
  readonly session: number
  /** Its place in the session, counted in memories: a neighbour's differs by one. */
  readonly position: number
  /** Who said it, as recorded, folded. */
  readonly speaker: string | null
}

/**
 * Memories as recall weighs them, in columns: there are thousands for each question, and as many objects would take
 * longer to be made and to be cleared away than all the weighing.
 */
export class Documents implements FoundTerms {
  readonly ids: string[] = []
  readonly sessions: Int32Array
  readonly positions: Int32Array
  /** When each happened, in milliseconds since 1970. */
  readonly times: Float64Array
  /** Bits of `TRAITS`. */
  readonly traits: Uint8Array
  /** How many terms each has, all counted. */
  readonly lengths: Float64Array
  /** How many of the asked pairs each has. */
  readonly pairs: Uint32Array
  /** Who said each, when known, as a place in `names`, else -1: what is recorded, else the name that the text opens with. */
  readonly speakers: Int32Array
  /** The speakers' names, folded, each once. */
  readonly names: string[] = []
  /** The asked terms, each with the number that it has in `terms`. */
  readonly asked: ReadonlyMap<string, number>
  /** Those that the documents have, one document after the other: the i-th one's from `starts[i]` to `starts[i + 1]`. */
  readonly terms: number[] = []
  readonly counts: number[] = []
  readonly places: number[] = []
  readonly starts: Int32Array
  readonly #askedTerms: AskedTerms
  /** The asked pairs, by the numbers of their terms. */
  readonly #pairs: readonly (readonly number[])[]
  readonly #speakers = new Map<string, number>()

  /** @param most how many there may be */
  constructor(most: number, { terms, pairs }: Asked) {
    this.sessions = new Int32Array(most)
    this.positions = new Int32Array(most)
    this.times = new Float64Array(most)
    this.traits = new Uint8Array(most)
    this.lengths = new Float64Array(most)
    this.pairs = new Uint32Array(most)
    this.speakers = new Int32Array(most)
    this.starts = new Int32Array(most + 1)
    this.asked = new Map([...terms].map((term, number) => [term, number]))
    this.#askedTerms = new AskedTerms(this.asked)
    this.#pairs = [...pairs].map((pair) => pair.split(' ').map((term) => this.asked.get(term) ?? -1))
  }

  get count(): number {
    return this.ids.length
  }

  /** Adds a memory by its entry in the forward index, which stands in these bytes. */
  add({ id, session, position, speaker }: Place, bytes: Buffer, begin = 0, end = bytes.length): void {
    const i = this.ids.push(id) - 1
    const entry = new ForwardEntry(bytes, begin, end)
    this.sessions[i] = session
    this.positions[i] = position
    this.times[i] = entry.occurredAt
    this.traits[i] = entry.traits
    this.lengths[i] = entry.length
    this.speakers[i] = this.#numberOf(speaker ?? entry.name)
    entry.addTerms(this.#askedTerms, this)
    this.starts[i + 1] = this.terms.length
    if (this.terms.length > (this.starts[i] ?? 0)) this.pairs[i] = this.#countPairs(i, entry)
  }

  #countPairs(i: number, entry: ForwardEntry): number {
    let count = 0
    for (const [a = -1, b = -1] of this.#pairs) {
      const [first, second] = [this.#placeOf(i, a), this.#placeOf(i, b)]
      if (first >= 0 && second >= 0 && entry.says(first, second)) count++
    }
    return count
  }

  #placeOf(i: number, term: number): number {
    for (let at = this.starts[i] ?? 0; at < this.terms.length; at++)
      if (this.terms[at] === term) return this.places[at] ?? -1
    return -1
  }

  #numberOf(name: string | null): number {
    if (name === null) return -1
    const number = this.#speakers.get(name) ?? this.names.push(name) - 1
    this.#speakers.set(name, number)
    return number
  }
}
