import type { Log } from '../lib/log.ts'
import { unpackText } from '../lib/packed-text.ts'

/** Stored bytes that say nothing any more. It names whose they were by an id, and nothing of them. */
export class DamagedTextError extends Error {
  override readonly name = 'DamagedTextError'
  constructor(of: string) {
    super(`the stored content of ${of} is damaged`)
  }
}

/** A row as it is stored: its content plain, or packed. */
export type Stored<Row extends { readonly content: string }> = Omit<Row, 'content'> & {
  readonly content: string | null
  readonly packed: Buffer | null
}

/**
 * Rows whose content can be read, however it is stored: the one place that unpacks. It is done when the content is asked
 * for, so that a row whose content is damaged can still be listed, revised and forgotten.
 */
export function readable<Row extends { readonly content: string }>(
  rows: readonly Stored<Row>[],
  nameOf: (row: Stored<Row>) => string,
): Row[] {
  return rows.map((row) => (row.packed === null ? (row as unknown as Row) : unpacking<Row>(row, row.packed, nameOf)))
}

/** A memory, as messages name it. */
export const memoryName = ({ id }: { readonly id: string }) => `memory ${id}`

function unpacking<Row>(row: object, packed: Buffer, nameOf: (row: never) => string): Row {
  let content: string | undefined
  return {
    ...row,
    packed: null,
    get content() {
      content ??= unpackText(packed) ?? undefined
      if (content === undefined) throw new DamagedTextError(nameOf(row as never))
      return content
    },
  } as Row
}

/** What a row says, for a search among many: one that is damaged is found by all else that is known of it. */
export function contentIfUndamaged(row: { readonly content: string }): string {
  try {
    return row.content
  } catch (error) {
    if (!(error instanceof DamagedTextError)) throw error
    return ''
  }
}

/** Rows to be worked on many at a time: one that is damaged is left out and told of, and holds up no other. */
export function undamaged<Row extends { readonly content: string }>(rows: readonly Row[], log: Log): Row[] {
  return rows.filter((row) => {
    try {
      // Asking is what unpacks it.
      return typeof row.content === 'string'
    } catch (err) {
      if (!(err instanceof DamagedTextError)) throw err
      log.error({ err }, 'Left out, because its content is damaged')
      return false
    }
  })
}
