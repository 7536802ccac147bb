import { promisify } from 'node:util'
import { brotliCompress, brotliDecompressSync, constants, crc32 } from 'node:zlib'

/**
 * How a text is stored packed: a byte that says by what, the CRC-32 of the plain bytes, and what Brotli (RFC 7932) made
 * of them. Of the compressors at hand it makes the least of short texts (`bench/memory/compression.ts`): its dictionary
 * has the words that a text of a few lines says only once. It has no checksum of its own.
 */
const brotli = 1
const headerBytes = 5

/** Bytes of the shortest text that is worth it. */
export const leastPacked = 64
/** What is left of a text that is worth it; whatever takes less off costs more than it saves. */
const worthwhile = 0.9

/** No text of the product's is longer; so that damaged bytes cannot ask for more memory. */
const longest = 4 * 1024 * 1024

/** @returns null when it would not get smaller by a tenth. Packs beside the event loop: a long text takes a tenth of a second. */
export async function packText(text: string): Promise<Buffer | null> {
  const plain = Buffer.from(text)
  if (plain.length < leastPacked || plain.length > longest) return null
  const body = await compress(plain, { params: parametersFor(plain.length) })
  if (headerBytes + body.length > worthwhile * plain.length) return null
  const header = Buffer.alloc(headerBytes)
  header.writeUInt8(brotli, 0)
  header.writeUInt32BE(crc32(plain), 1)
  return Buffer.concat([header, body])
}

/** @returns null when the bytes are damaged */
export function unpackText(packed: Buffer): string | null {
  if (packed.length <= headerBytes || packed[0] !== brotli) return null
  const plain = decompress(packed.subarray(headerBytes))
  return plain !== null && crc32(plain) === packed.readUInt32BE(1) ? plain.toString() : null
}

function decompress(body: Buffer): Buffer | null {
  try {
    return brotliDecompressSync(body, { maxOutputLength: longest })
  } catch {
    return null
  }
}

const compress = promisify(brotliCompress)

/** A window no larger than the text, which is quicker to make and to read. */
function parametersFor(bytes: number) {
  const window = Math.ceil(Math.log2(bytes + 16))
  return {
    [constants.BROTLI_PARAM_MODE]: constants.BROTLI_MODE_TEXT,
    [constants.BROTLI_PARAM_QUALITY]: constants.BROTLI_MAX_QUALITY,
    [constants.BROTLI_PARAM_LGWIN]: Math.min(
      constants.BROTLI_MAX_WINDOW_BITS,
      Math.max(constants.BROTLI_MIN_WINDOW_BITS, window),
    ),
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes,
  }
}
