import type { GraphQLError } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { Viewer } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import { sha256, type TrustedDocuments } from './trusted-documents.ts'

/** Which document a request means: by its text, by the id of a trusted one, or by its hash, with or without the text. */
export interface DocumentReference {
  readonly text: string | undefined
  readonly id: string | undefined
  /** `extensions.persistedQuery` of Apollo's protocol for automatic persisted queries, as it was sent. */
  readonly persisted: { readonly version?: unknown; readonly sha256Hash?: unknown } | undefined
}

/** Who names a document. */
export interface Asker {
  readonly viewer: Viewer | null
  /** Whether it came to a listener that only the process's owner can reach. */
  readonly isOwner: boolean
}

export interface DocumentsOptions {
  /** Read anew for each request, so that a changed manifest is followed; undefined without one. */
  readonly trusted: () => TrustedDocuments | undefined
  /** Whether nothing but trusted documents may run. */
  readonly trustedOnly: boolean
  /** Whether clients may have their documents remembered by hash. */
  readonly persistedQueries: boolean
}

/** Characters of all remembered documents together, for those who have signed in and for all others apart. */
const rememberedCharacters = 4_000_000
const rememberedDocuments = 5000

const remembered = () =>
  new LRUCache<string, string>({
    max: rememberedDocuments,
    maxSize: rememberedCharacters,
    sizeCalculation: (text, key) => text.length + key.length,
  })

/**
 * Finds the document that a request names. A document is remembered only under its own hash, which is worked out here,
 * and for the tenant that sent it; whoever has not signed in cannot push out what others sent.
 */
export class Documents {
  readonly #options: DocumentsOptions
  readonly #ofViewers = remembered()
  readonly #ofStrangers = remembered()

  constructor(options: DocumentsOptions) {
    this.#options = options
  }

  /** The document's text. Throws a coded GraphQLError when it is not known, or may not run here. */
  find(reference: DocumentReference, asker: Asker): string {
    const text = this.#text(reference, asker)
    const { trusted, trustedOnly } = this.#options
    if (trustedOnly && !asker.isOwner && trusted()?.has(text) !== true) throw notTrusted()
    return text
  }

  /** Remembers a document that came with its hash, for those who send the hash alone. It has passed the guard. */
  remember({ text, persisted }: DocumentReference, { viewer }: Asker): void {
    if (text === undefined || persisted === undefined) return
    this.#remembered(viewer).set(keyOf(persisted.sha256Hash as string, viewer), text)
  }

  #text({ text, id, persisted }: DocumentReference, { viewer, isOwner }: Asker): string {
    if (id !== undefined) return this.#byId(id, text !== undefined || persisted !== undefined)
    if (persisted === undefined) return text ?? unnamed()
    if (persisted.version !== 1) throw badRequest('Unsupported persisted query version.')
    const hash = persisted.sha256Hash
    if (typeof hash !== 'string') throw badRequest('The hash of a persisted query must be a string.')
    const { trusted, trustedOnly, persistedQueries } = this.#options
    if (text === undefined) {
      const found = trusted()?.byId(hash) ?? trusted()?.byId(`sha256:${hash}`)
      if (found !== undefined) return found
    }
    if (!persistedQueries) throw codedError('PERSISTED_QUERY_NOT_SUPPORTED', 'PersistedQueryNotSupported')
    if (text !== undefined) {
      if (sha256(text) !== hash) throw badRequest('provided sha does not match query')
      return text
    }
    if (trustedOnly && !isOwner) throw notTrusted()
    const known = this.#remembered(viewer).get(keyOf(hash, viewer))
    if (known === undefined) throw codedError('PERSISTED_QUERY_NOT_FOUND', 'PersistedQueryNotFound')
    return known
  }

  #byId(id: string, isNamedTwice: boolean): string {
    if (isNamedTwice) throw badRequest('An operation is named by documentId or sent as a query, not both.')
    const text = this.#options.trusted()?.byId(id)
    if (text === undefined) throw codedError('PERSISTED_QUERY_NOT_FOUND', 'No trusted document has this id.')
    return text
  }

  #remembered(viewer: Viewer | null): LRUCache<string, string> {
    return viewer === null ? this.#ofStrangers : this.#ofViewers
  }
}

function keyOf(hash: string, viewer: Viewer | null): string {
  return viewer === null ? hash : `${hash} ${viewer.tenantId}`
}

function unnamed(): never {
  throw badRequest('The request names no operation.')
}

function badRequest(message: string): GraphQLError {
  return codedError('BAD_REQUEST', message)
}

function notTrusted(): GraphQLError {
  return codedError('FORBIDDEN', 'Only trusted documents may be run here.')
}
