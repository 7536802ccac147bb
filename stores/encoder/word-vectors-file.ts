/**
 * The file of static word vectors that the prepare step writes and the encoder reads: one block of bytes used in
 * place, with nothing to parse, so that opening it costs no more than reading it.
 *
 * Little-endian 32-bit header: magic, version, words, dimensions, hash slots, bytes of text. Then: scales (float32 a
 * word), word starts (uint32 a word, and the end), hash table (uint32 a slot: word + 1, or 0), vectors (int8), text
 * (UTF-8, words end to end, commonest first). A component's value is its int8 times the word's scale.
 */
export interface WordVectors {
  readonly words: number
  readonly dimensions: number
  /** The word's place by commonness, 0 the commonest; -1 when unknown. */
  find(word: string): number
  /** The word at a place of commonness. */
  word(place: number): string
  /** Adds `weight` times the word's vector to `sum`. */
  addTo(sum: Float32Array, word: number, weight: number): void
}

const MAGIC = 0x5657474d
const VERSION = 1
const HEADER_BYTES = 24

/** FNV-1a over the word's UTF-8 bytes. */
export function hashWord(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/** Lays words and their vectors out as the file's bytes. */
export function packWordVectors(
  words: readonly string[],
  vectors: readonly Float32Array[],
  dimensions: number,
): Buffer {
  const texts = words.map((word) => Buffer.from(word))
  const textBytes = texts.reduce((sum, text) => sum + text.length, 0)
  const slots = 2 ** Math.ceil(Math.log2(words.length * 1.5 + 1))
  const header = Uint32Array.of(MAGIC, VERSION, words.length, dimensions, slots, textBytes)
  const scales = new Float32Array(words.length)
  const starts = new Uint32Array(words.length + 1)
  const table = new Uint32Array(slots)
  const components = new Int8Array(words.length * dimensions)
  texts.forEach((text, word) => {
    starts[word + 1] = (starts[word] ?? 0) + text.length
    let slot = hashWord(text) % slots
    while (table[slot] !== 0) slot = (slot + 1) % slots
    table[slot] = word + 1
    scales[word] = quantize(vectors[word] ?? new Float32Array(dimensions), components, word * dimensions)
  })
  return Buffer.concat([
    bytesOf(header),
    bytesOf(scales),
    bytesOf(starts),
    bytesOf(table),
    bytesOf(components),
    ...texts,
  ])
}

const bytesOf = (array: Uint32Array | Float32Array | Int8Array) =>
  Buffer.from(array.buffer, array.byteOffset, array.byteLength)

function quantize(vector: Float32Array, into: Int8Array, at: number): number {
  const largest = vector.reduce((max, value) => Math.max(max, Math.abs(value)), 0) || 1
  vector.forEach((value, i) => {
    into[at + i] = Math.round((value / largest) * 127)
  })
  return largest / 127
}

/** Uses the file's bytes in place. Throws on a file of another kind or version. */
export function openWordVectors(bytes: Buffer): WordVectors {
  const file = bytes.buffer
  let at = bytes.byteOffset + HEADER_BYTES
  const [magic, version, words = 0, dimensions = 0, slots = 0, textBytes = 0] = new Uint32Array(
    file,
    bytes.byteOffset,
    6,
  )
  if (magic !== MAGIC || version !== VERSION) throw new Error('not a word-vector file of this version')
  const section = (bytes: number) => {
    at += bytes
    return at - bytes
  }
  const scales = new Float32Array(file, section(words * 4), words)
  const starts = new Uint32Array(file, section((words + 1) * 4), words + 1)
  const table = new Uint32Array(file, section(slots * 4), slots)
  const components = new Int8Array(file, section(words * dimensions), words * dimensions)
  const text = Buffer.from(file, section(textBytes), textBytes)
  return {
    words,
    dimensions,
    find(word) {
      const bytes = Buffer.from(word)
      for (let slot = hashWord(bytes) % slots; table[slot] !== 0; slot = (slot + 1) % slots) {
        const found = (table[slot] ?? 0) - 1
        if (bytes.equals(text.subarray(starts[found], starts[found + 1]))) return found
      }
      return -1
    },
    word: (place) => text.toString('utf8', starts[place], starts[place + 1]),
    addTo(sum, word, weight) {
      const factor = weight * (scales[word] ?? 0)
      const start = word * dimensions
      for (let i = 0; i < dimensions; i++) sum[i] = (sum[i] ?? 0) + factor * (components[start + i] ?? 0)
    },
  }
}
