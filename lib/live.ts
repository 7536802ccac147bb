/** What every event of a subscription carries beside its data, as `extensions.live`. */
export interface Live {
  /** The event's place: subscribe again with it as `after`, and nothing is missed or repeated. */
  readonly cursor: string
  /** The place asked for is too old to be replayed from: whoever follows should read anew what he shows. */
  readonly resync: boolean
  /** The reader was too slow and the stream ends here; it can be resumed from the cursor. */
  readonly lagging: boolean
}

/** A stream of events that may say where it begins: nothing after that place is missed. */
export interface Placed {
  readonly startsAfter?: string | undefined
}

/** The header in which a room says where a stream begins. */
export const startsAfterHeader = 'x-mnemograph-starts-after'

/** An answer that carries no event, only news of the stream: `extensions.live` says which. */
export interface Notice {
  readonly data: null
  readonly extensions: { readonly live: Live }
}

export function noticeOf(live: Live): Notice {
  return { data: null, extensions: { live } }
}

/** The cursor of an answer's `extensions.live`. */
export function cursorOf(answer: { readonly extensions?: unknown }): string | undefined {
  const { live } = Object(answer.extensions) as { readonly live?: unknown }
  const { cursor } = Object(live) as { readonly cursor?: unknown }
  // It becomes an event stream's id and a header, which are one line.
  return typeof cursor === 'string' && /^[\x20-\x7e]+$/.test(cursor) ? cursor : undefined
}

/** Whether an answer is a notice: no event, and no failure either. */
export function isNotice(answer: {
  readonly data?: unknown
  readonly errors?: unknown
  readonly extensions?: unknown
}) {
  return answer.data === null && answer.errors === undefined && cursorOf(answer) !== undefined
}
