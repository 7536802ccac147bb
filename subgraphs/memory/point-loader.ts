import DataLoader from 'dataloader'
import type { RequestContext } from '../../lib/context.ts'
import type { Stores } from '../../stores/stores.ts'
import type { VectorCollection, VectorPoint } from '../../stores/vector/port.ts'

/**
 * What the vector store holds of vectors that the viewer may read, those of one collection at once. A store that does
 * not answer is as one that holds nothing yet. Not inside a read of the database: a store may need that connection.
 */
export function pointLoader({ collections, logger }: Stores, { signal, traceId }: RequestContext) {
  const loaders = new Map<string, DataLoader<string, VectorPoint | null>>()
  const made = (collection: VectorCollection, withVectors: boolean) =>
    new DataLoader<string, VectorPoint | null>(async (ids) => {
      const points = await collections[collection].find(ids, withVectors).catch((error: unknown) => {
        signal.throwIfAborted()
        logger.warn({ err: error, traceId }, 'Vectors did not answer; nothing is told of their points')
        return []
      })
      const byId = new Map(points.map((point) => [point.id, point]))
      return ids.map((id) => byId.get(id) ?? null)
    })
  return (collection: VectorCollection, id: string, withVector: boolean): Promise<VectorPoint | null> => {
    const key = `${collection} ${withVector}`
    const loader = loaders.get(key) ?? made(collection, withVector)
    loaders.set(key, loader)
    return loader.load(id)
  }
}
