import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'

/** The file is no backup, or not whole, or of a system that this program cannot be. */
export class BackupFileError extends Error {
  override readonly name = 'BackupFileError'
}

const chunkCharacters = 1 << 16

/**
 * Writes lines into a file, compressed (Zstandard, RFC 8878), with their hash as the last line. The file appears when it
 * is whole; one that was there is replaced then.
 */
export async function writeLines(path: string, lines: AsyncIterable<string>, signal: AbortSignal): Promise<void> {
  const draft = `${path}.part`
  try {
    const source = Readable.from(withHash(lines), { objectMode: true })
    await pipeline(source, createZstdCompress(), createWriteStream(draft, { mode: 0o600 }), { signal })
    const file = await open(draft, 'r+')
    await file.sync().finally(() => file.close())
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

async function* withHash(lines: AsyncIterable<string>): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  let text = ''
  for await (const line of lines) {
    text += `${line}\n`
    if (text.length < chunkCharacters) continue
    const bytes = Buffer.from(text)
    text = ''
    hash.update(bytes)
    yield bytes
  }
  const rest = Buffer.from(text)
  yield rest
  yield Buffer.from(`${JSON.stringify({ sha256: hash.update(rest).digest('hex') })}\n`)
}

/**
 * The lines of a file, without the last; nothing is read ahead of who takes them.
 * @throws BackupFileError after the last one, when they are not as they were written
 */
export async function* readLines(path: string, signal: AbortSignal): AsyncGenerator<string> {
  const hash = createHash('sha256')
  let held: string | undefined
  for await (const line of rawLines(path, signal)) {
    if (held !== undefined) {
      hash.update(`${held}\n`)
      yield held
    }
    held = line
  }
  if (held !== JSON.stringify({ sha256: hash.digest('hex') })) {
    throw new BackupFileError(`${path} was changed, or is not whole`)
  }
}

async function* rawLines(path: string, signal: AbortSignal): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  const source = createReadStream(path)
  const bytes = createZstdDecompress()
  const flowing = pipeline(source, bytes, { signal })
  // Told to whoever reads, below.
  flowing.catch(() => {})
  let rest = ''
  try {
    for await (const chunk of bytes) {
      const lines = (rest + decoder.decode(chunk as Buffer, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      yield* lines
    }
    await flowing
  } catch (error) {
    signal.throwIfAborted()
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error
    throw new BackupFileError(`${path} cannot be read: it is no backup, was changed, or is not whole`, { cause: error })
  }
}
