import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { z } from 'zod'

/** The operations that a graph's own clients send, known beforehand. */
export interface TrustedDocuments {
  /** The text of a document; `sha256:` and the hash of its text are an id of each. */
  byId(id: string): string | undefined
  has(text: string): boolean
}

/** The manifest cannot be used; the message says why, and its words may be shown to whoever runs the server. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError'
}

/** Apollo's (`generate-persisted-query-manifest`), or a map of ids to texts as GraphQL Code Generator and Relay write. */
const manifest = z.union([
  z.object({
    format: z.literal('apollo-persisted-query-manifest'),
    version: z.literal(1),
    operations: z.array(z.object({ id: z.string().min(1), body: z.string().min(1) })),
  }),
  z.record(z.string().min(1), z.string().min(1)),
])

const sha256Id = /^(?:sha256:)?([0-9a-f]{64})$/

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/**
 * Reads a manifest.
 * @throws ManifestError when the file cannot be read, has another form, or gives a text under a hash of another.
 */
export function readTrustedDocuments(file: string): TrustedDocuments {
  const documents = new Map<string, string>()
  for (const [id, text] of entriesOf(file)) {
    const hash = sha256(text)
    const claimed = sha256Id.exec(id)?.[1]
    if (claimed !== undefined && claimed !== hash) {
      throw new ManifestError(`${file}: the text of ${id} has another hash, sha256:${hash}.`)
    }
    documents.set(id, text)
    documents.set(`sha256:${hash}`, text)
  }
  const texts = new Set(documents.values())
  return { byId: (id) => documents.get(id), has: (text) => texts.has(text) }
}

function entriesOf(file: string): (readonly [string, string])[] {
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new ManifestError(`${file} cannot be read as JSON: ${(error as Error).message}`)
  }
  const read = manifest.safeParse(content)
  if (!read.success) throw new ManifestError(`${file} is no manifest: neither Apollo's nor a map of ids to texts.`)
  if (!isApollos(read.data)) return Object.entries(read.data)
  return read.data.operations.map(({ id, body }) => [id, body])
}

function isApollos(data: z.infer<typeof manifest>): data is Extract<typeof data, { operations: unknown[] }> {
  return Array.isArray(data.operations)
}
