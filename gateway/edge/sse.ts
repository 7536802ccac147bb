import type { ServerResponse } from 'node:http'
import { LRUCache } from 'lru-cache'
import type { Call } from '../../lib/call.ts'
import type { Answer } from './errors.ts'

/** Ends the call when its client goes away. */
export function cancelOnClose(res: ServerResponse, call: Call): void {
  res.once('close', () => {
    if (!res.writableFinished) call.cancel(new Error('the client went away'))
  })
}

/** Answers of one event are shared among its readers, so their cursor is looked up once. */
const cursors = new LRUCache<string, { cursor: string | undefined }>({
  max: 200,
  maxSize: 1_000_000,
  sizeCalculation: (_, text) => text.length + 1,
})

/** `extensions.live.cursor` of an answer: where a reader that saw it can resume. */
export function cursorOf({ text }: Answer): string | undefined {
  // Most answers carry none, and looking is cheaper than reading.
  if (!text.includes('"live"')) return undefined
  const known = cursors.get(text)
  if (known !== undefined) return known.cursor
  const response = JSON.parse(text) as { extensions?: { live?: { cursor?: unknown } } }
  const found = response.extensions?.live?.cursor
  const cursor = typeof found === 'string' && !/[\r\n\0]/.test(found) ? found : undefined
  cursors.set(text, { cursor })
  return cursor
}
