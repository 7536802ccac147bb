import type { GraphQLFormattedError } from 'graphql'

export type PathSegment = string | number

/** Errors by their place in the fetched data, before anyone knows where in the response that place shows. */
export interface ErrorNode {
  readonly errors: FetchError[]
  readonly below: Map<PathSegment, ErrorNode>
}

export interface FetchError {
  readonly message: string
  readonly extensions: Readonly<Record<string, unknown>>
  /** Whether it stands for everything that is missing below its place: a whole fetch has failed. */
  readonly covers: boolean
}

function emptyNode(): ErrorNode {
  return { errors: [], below: new Map() }
}

/** The errors of one execution. */
export class FetchErrors {
  readonly root = emptyNode()
  #count = 0

  get isEmpty(): boolean {
    return this.#count === 0
  }

  add(path: readonly PathSegment[], error: FetchError): void {
    let node = this.root
    for (const segment of path) {
      let next = node.below.get(segment)
      if (!next) {
        next = emptyNode()
        node.below.set(segment, next)
      }
      node = next
    }
    // Two fetches may meet the same failure, and it is still one.
    if (node.errors.some((known) => isSame(known, error))) return
    node.errors.push(error)
    this.#count++
  }
}

function isSame(one: FetchError, other: FetchError): boolean {
  return one.message === other.message && one.extensions.serviceName === other.extensions.serviceName
}

/** An error that a subgraph answered, with the subgraph's name; one without a code gets the code of a bug. */
export function subgraphError(subgraph: string, { message, extensions }: GraphQLFormattedError): FetchError {
  const given = extensions !== null && typeof extensions === 'object' ? extensions : {}
  return {
    message: typeof message === 'string' ? message : `Subgraph "${subgraph}" answered an error without a message.`,
    extensions: { code: 'INTERNAL_SERVER_ERROR', ...given, serviceName: subgraph },
    covers: false,
  }
}

/** What becomes of a fetch that failed as a whole. The error's own code is kept when it has one. */
export function fetchFailure(subgraph: string, reason: unknown): FetchError {
  const { message, extensions } = reason as { message?: unknown; extensions?: { code?: unknown } }
  const code = typeof extensions?.code === 'string' ? extensions.code : 'SUBGRAPH_UNAVAILABLE'
  return {
    message: typeof message === 'string' ? message : `Subgraph "${subgraph}" failed.`,
    extensions: { code, serviceName: subgraph },
    covers: true,
  }
}
