import { authorityOf } from '../../lib/context.ts'
import { Flights } from '../../lib/flights.ts'
import type { Engine, EngineResponse, OperationRequest } from '../engine/types.ts'

/**
 * Lets identical queries that are under way at the same time share one execution. They are identical when everything
 * that can change the answer is: engine, document, operation, variables, viewer with session and rights, and what of
 * the request goes inwards. No query joins one that began before the latest answer to a mutation, whoever made it: a
 * client that was told of a write reads it. Guard, identity and budgets are each request's own, and come before.
 */
export class SharedQueries {
  readonly #flights = new WeakMap<Engine, Flights<EngineResponse>>()
  readonly #documents = new WeakMap<object, number>()
  #lastDocument = 0
  /** Part of the key, so that queries from before a write are never found again. */
  #writes = 0

  /** Must be called when a mutation is over and before it is answered, however it ended. */
  written(): void {
    this.#writes += 1
  }

  execute(engine: Engine, request: OperationRequest): Promise<EngineResponse> {
    let flights = this.#flights.get(engine)
    if (flights === undefined) {
      flights = new Flights()
      this.#flights.set(engine, flights)
    }
    // Where a request came from is for sign-ins and their limits; without it no query's answer can depend on it.
    const { peer: _, ...inward } = request.context
    return flights.join(this.#keyOf(request), inward.signal, (signal) =>
      engine.execute({ ...request, context: { ...inward, signal, writesBefore: this.#writes } }),
    )
  }

  #keyOf({ document, operationName = '', variables, context }: OperationRequest): string {
    const rest = `${authorityOf(context)} ${JSON.stringify(variables)}`
    return `${this.#writes} ${this.#idOf(document)} ${operationName} ${rest}`
  }

  /** The guard gives the same document for the same text, so a number stands for the text. */
  #idOf(document: object): number {
    let id = this.#documents.get(document)
    if (id === undefined) {
      id = ++this.#lastDocument
      this.#documents.set(document, id)
    }
    return id
  }
}
