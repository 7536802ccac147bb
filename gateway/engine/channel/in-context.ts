import type { RequestContext } from '../../../lib/context.ts'
import type { SubgraphRequest } from '../types.ts'

/** A request in another context. Its variables are still made only when, and as, they are asked for. */
export class RequestInContext implements SubgraphRequest {
  readonly context: RequestContext
  readonly #request: SubgraphRequest

  constructor(request: SubgraphRequest, context: RequestContext) {
    this.#request = request
    this.context = context
  }

  get subgraph(): string {
    return this.#request.subgraph
  }

  get kind(): SubgraphRequest['kind'] {
    return this.#request.kind
  }

  get operation(): string {
    return this.#request.operation
  }

  get operationName(): string | undefined {
    return this.#request.operationName
  }

  get variables(): Record<string, unknown> {
    return this.#request.variables
  }

  get variablesText(): string {
    return this.#request.variablesText ?? JSON.stringify(this.#request.variables)
  }
}
