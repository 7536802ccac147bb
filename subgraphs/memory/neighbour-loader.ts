import DataLoader from 'dataloader'
import type { RequestContext } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import { conversationShelf, type VectorHit } from '../../stores/vector/port.ts'
import { requireViewer, securityOf } from '../security.ts'

/**
 * The viewer's conversations that are nearest to others of his, those of one level at once; null when the vectors do not
 * answer. Not inside a read of the database: a store may need that connection.
 */
export function neighbourLoader({ collections, sentinel, logger }: Stores, request: RequestContext) {
  const loaders = new Map<number, DataLoader<string, readonly VectorHit[] | null>>()
  const collection = 'CONVERSATION_CONTEXT'
  const made = (most: number) =>
    new DataLoader<string, readonly VectorHit[] | null>(async (ids) => {
      const shelves = [conversationShelf(requireViewer(request).userId)]
      const start = performance.now()
      try {
        const found = await collections[collection].neighbours(shelves, ids, most, request.signal)
        const amount = [...found.values()].reduce((sum, hits) => sum + hits.length, 0)
        const tookMs = performance.now() - start
        sentinel.report(securityOf(request, 'memory'), {
          kind: 'VECTORS',
          operation: 'SEARCH',
          collection,
          amount,
          tookMs,
        })
        return ids.map((id) => found.get(id) ?? [])
      } catch (error) {
        request.signal.throwIfAborted()
        logger.warn(
          { err: error, traceId: request.traceId },
          'Vectors did not answer; no similar conversation is found',
        )
        return ids.map(() => null)
      }
    })
  return (sessionId: string, most: number): Promise<readonly VectorHit[] | null> => {
    const loader = loaders.get(most) ?? made(most)
    loaders.set(most, loader)
    return loader.load(sessionId)
  }
}
