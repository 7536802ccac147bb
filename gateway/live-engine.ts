import type { GraphQLSchema } from 'graphql'
import type { Engine } from './engine/types.ts'

/** An engine held for as long as one operation needs it. */
export interface Lease {
  readonly engine: Engine
  /** Aborts when a newer engine takes over: a stream then ends, so that its client opens it again on the new one. */
  readonly replaced: AbortSignal
  release(): void
}

interface Generation {
  readonly engine: Engine
  readonly replaced: AbortController
  leases: number
}

/**
 * The engine that is in use, which a reload replaces without a failed request: an operation keeps the engine that it
 * began with, and an engine is closed when the last operation has left it.
 */
export class LiveEngine {
  readonly #generations = new Set<Generation>()
  readonly #listeners = new Set<(engine: Engine) => void>()
  #current: Generation

  constructor(engine: Engine) {
    this.#current = this.#begin(engine)
  }

  get current(): Engine {
    return this.#current.engine
  }

  /** A lease on the engine of a schema that is still in use, by default the current one. */
  lease(schema: GraphQLSchema = this.#current.engine.schema): Lease {
    const generation = [...this.#generations].find(({ engine }) => engine.schema === schema)
    if (generation === undefined) throw new Error('the engine of this schema is closed')
    generation.leases += 1
    let held = true
    const release = () => {
      if (!held) return
      held = false
      generation.leases -= 1
      void this.#closeIfIdle(generation)
    }
    return { engine: generation.engine, replaced: generation.replaced.signal, release }
  }

  replace(engine: Engine): void {
    const old = this.#current
    this.#current = this.#begin(engine)
    for (const listener of this.#listeners) listener(engine)
    old.replaced.abort()
    void this.#closeIfIdle(old)
  }

  /** Hears of every engine after the first. */
  onReplace(listener: (engine: Engine) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    const open = [...this.#generations]
    this.#generations.clear()
    await Promise.all(open.map(({ engine }) => engine.close()))
  }

  #begin(engine: Engine): Generation {
    const generation = { engine, replaced: new AbortController(), leases: 0 }
    this.#generations.add(generation)
    return generation
  }

  async #closeIfIdle(generation: Generation): Promise<void> {
    if (generation === this.#current || generation.leases > 0) return
    if (this.#generations.delete(generation)) await generation.engine.close()
  }
}
