import type { RequestContext } from '../../lib/context.ts'
import type { SubgraphRequest } from './types.ts'

/** Representations as JSON text by the name of their variable. */
export type Representations = ReadonlyMap<string, readonly string[]>

interface FetchText {
  readonly subgraph: string
  readonly operation: string
  readonly variables: readonly string[]
}

/**
 * One request to a subgraph. Its variables are made only in the form that the channel asks for: as JSON text for the
 * network, where the representations are text already, or as objects in process.
 */
export class FetchRequest implements SubgraphRequest {
  readonly subgraph: string
  readonly kind: SubgraphRequest['kind']
  readonly operation: string
  readonly operationName = undefined
  readonly context: RequestContext
  readonly #given: Record<string, unknown>
  readonly #representations: Representations | undefined
  #variables: Record<string, unknown> | undefined

  constructor(
    fetch: FetchText,
    kind: SubgraphRequest['kind'],
    variables: Readonly<Record<string, unknown>>,
    representations: Representations | undefined,
    context: RequestContext,
  ) {
    this.subgraph = fetch.subgraph
    this.kind = kind
    this.operation = fetch.operation
    this.context = context
    this.#given = used(fetch.variables, variables)
    this.#representations = representations
  }

  get variables(): Record<string, unknown> {
    this.#variables ??= this.#build()
    return this.#variables
  }

  get variablesText(): string {
    const given = JSON.stringify(this.#given)
    if (!this.#representations) return given
    const lists = [...this.#representations].map(([name, texts]) => `${JSON.stringify(name)}:[${texts.join(',')}]`)
    return given === '{}' ? `{${lists.join(',')}}` : `${given.slice(0, -1)},${lists.join(',')}}`
  }

  #build(): Record<string, unknown> {
    const variables = { ...this.#given }
    for (const [name, texts] of this.#representations ?? []) variables[name] = JSON.parse(`[${texts.join(',')}]`)
    return variables
  }
}

function used(names: readonly string[], variables: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const given: Record<string, unknown> = {}
  for (const name of names) {
    if (Object.hasOwn(variables, name)) given[name] = variables[name]
  }
  return given
}
