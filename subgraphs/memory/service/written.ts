import type { Unit } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { memoriesByIds } from '../store/memories.ts'

/** Reads a memory that has just been written in the flight that commits it: the answer finds it loaded. */
export function readWritten(context: MemoryContext, { tx, closing, afterCommit }: Unit, id: string): void {
  const reading = memoriesByIds(tx, [id])
  closing(reading)
  afterCommit(async () => {
    for (const memory of await reading) context.loaders.memory.prime(memory.id, memory)
  })
}
