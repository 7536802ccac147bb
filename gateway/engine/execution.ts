import type { GraphQLFormattedError } from 'graphql'
import type { RequestContext } from '../../lib/context.ts'
import { codedError } from '../../lib/errors.ts'
import type { CompiledEntityFetch, CompiledPart, CompiledRootFetch, CompiledStep, Found } from './compile/compile.ts'
import { copyValue, mergeObject } from './compile/merge.ts'
import { writers } from './compile/project.ts'
import { FetchErrors, fetchFailure, type PathSegment, subgraphError } from './errors.ts'
import { FetchRequest, type Representations } from './fetch-request.ts'
import { commonPath, locate } from './locate.ts'
import type { Channel, SubgraphRequest, SubgraphResponse } from './types.ts'

type Json = Record<string, unknown>

/** One run of a plan: the data as the subgraphs' answers fill it, and what failed on the way. */
export class Execution {
  readonly data: Json = {}
  readonly errors = new FetchErrors()
  /** Objects that the subgraph which was asked for more of them does not have. */
  readonly gone = new Set<unknown>()
  readonly #channels: ReadonlyMap<string, Channel>
  readonly #variables: Readonly<Json>
  readonly #context: RequestContext

  constructor(channels: ReadonlyMap<string, Channel>, variables: Readonly<Json>, context: RequestContext) {
    this.#channels = channels
    this.#variables = variables
    this.#context = context
  }

  /** Never rejects: a failed fetch leaves its fields out and an error in their place. */
  async run(step: CompiledStep): Promise<void> {
    switch (step.kind) {
      case 'sequence':
        for (const inner of step.steps) await this.run(inner)
        return
      case 'parallel':
        await Promise.all(step.steps.map((inner) => this.run(inner)))
        return
      case 'root':
        return this.#fetchRoot(step)
      case 'entities':
        return this.#fetchEntities(step)
    }
  }

  /** Takes an answer to a root fetch, such as a subscription's event, into the data. */
  addRoot(fetch: CompiledRootFetch, response: SubgraphResponse): void {
    try {
      this.#mergeRoot(fetch, [this.data], response)
    } catch (reason) {
      this.#failRoot(fetch, [this.data], reason)
    }
  }

  async #fetchRoot(fetch: CompiledRootFetch): Promise<void> {
    const targets = fetch.find ? new Entities() : undefined
    if (targets) {
      fetch.find?.(this.data, targets)
      if (targets.targets.length === 0) return
    }
    const request = new FetchRequest(fetch, fetch.type, this.#variables, undefined, this.#context)
    const objects = targets?.targets ?? [this.data]
    try {
      this.#mergeRoot(fetch, objects, await this.#send(request))
    } catch (reason) {
      this.#failRoot(fetch, objects, reason)
    }
  }

  #failRoot(fetch: CompiledRootFetch, targets: readonly Json[], reason: unknown): void {
    const failure = fetchFailure(fetch.subgraph, reason)
    for (const place of this.#placesOf(fetch, targets)) {
      for (const key of fetch.keys) this.errors.add([...place, key], failure)
    }
  }

  #mergeRoot(fetch: CompiledRootFetch, targets: readonly Json[], response: SubgraphResponse): void {
    const data = response.data
    checkData(fetch.subgraph, response)
    if (data) {
      fetch.rewrite?.apply(data)
      for (const [index, target] of targets.entries())
        mergeObject(target, index === 0 ? data : (copyValue(data) as Json))
    }
    if (!response.errors?.length) return
    // A null inside took all with it: the error that is told explains what is missing beside it.
    if (data === null) for (const target of targets) this.gone.add(target)
    const places = this.#placesOf(fetch, targets)
    for (const error of response.errors) this.#addRootError(fetch, places, data, error)
  }

  #addRootError(
    fetch: CompiledRootFetch,
    places: readonly (readonly PathSegment[])[],
    data: Json | null | undefined,
    error: GraphQLFormattedError,
  ): void {
    const known = subgraphError(fetch.subgraph, error)
    const path = error.path?.length ? error.path.map((segment) => rename(fetch, segment)) : undefined
    const missing = fetch.keys.filter((key) => data?.[key] === null || data?.[key] === undefined)
    const unplaced = missing.length > 0 ? missing : fetch.keys.slice(0, 1)
    for (const place of places) {
      if (path) this.errors.add([...place, ...path], known)
      else for (const key of unplaced) this.errors.add([...place, key], { ...known, covers: true })
    }
  }

  #placesOf(fetch: CompiledRootFetch, targets: readonly Json[]): (readonly PathSegment[])[] {
    if (!fetch.find) return [[]]
    const places = locate(this.data, [fetch.path])
    return targets.map((target) => places.get(target) ?? [])
  }

  async #fetchEntities(fetch: CompiledEntityFetch): Promise<void> {
    const found = fetch.parts.map((part) => {
      const entities = new Entities()
      part.collect(this.data, entities)
      return entities
    })
    if (found.every(({ targets }) => targets.length === 0)) return
    const representations: Representations = new Map(
      fetch.parts.map((part, index) => [part.representationsVariable, found[index]?.representations ?? []]),
    )
    const request = new FetchRequest(fetch, 'query', this.#variables, representations, this.#context)
    try {
      this.#mergeParts(fetch, found, await this.#send(request))
    } catch (reason) {
      for (const [index, part] of fetch.parts.entries()) this.#failPart(fetch, part, found[index], reason)
    }
  }

  #mergeParts(fetch: CompiledEntityFetch, found: readonly Entities[], response: SubgraphResponse): void {
    checkData(fetch.subgraph, response)
    const hasErrors = (response.errors?.length ?? 0) > 0
    for (const [index, part] of fetch.parts.entries()) {
      const entities = found[index]
      if (!entities || entities.targets.length === 0) continue
      const answered = response.data?.[part.alias]
      if (Array.isArray(answered)) {
        mergeEntities(part, entities, answered, this.gone)
        if (answered.length < entities.representations.length) {
          this.#failPart(
            fetch,
            part,
            entities,
            tooFew(fetch.subgraph, answered.length, entities.representations.length),
          )
        }
      } else if (!hasErrors) {
        this.#failPart(fetch, part, entities, new Error(`Subgraph "${fetch.subgraph}" answered no list of entities.`))
      }
    }
    if (hasErrors) this.#addEntityErrors(fetch, found, response)
  }

  #addEntityErrors(fetch: CompiledEntityFetch, found: readonly Entities[], response: SubgraphResponse): void {
    const placed = fetch.parts.map((part) => locate(this.data, part.paths))
    for (const error of response.errors ?? []) {
      const known = subgraphError(fetch.subgraph, error)
      const [alias, entity, ...tail] = error.path ?? []
      const index = fetch.parts.findIndex((part) => part.alias === alias)
      const part = fetch.parts[index]
      if (part && typeof entity === 'number') {
        const inside = tail.map((segment) => rename(part, segment))
        for (const target of found[index]?.targetsOf(entity) ?? []) {
          this.errors.add([...(placed[index]?.get(target) ?? []), ...inside], known)
        }
        continue
      }
      const missing = fetch.parts.filter(
        (other) => other === part || (!part && !Array.isArray(response.data?.[other.alias])),
      )
      for (const other of missing.length > 0 ? missing : fetch.parts) {
        const targets = found[fetch.parts.indexOf(other)]?.targets ?? []
        const places = placed[fetch.parts.indexOf(other)]
        if (targets.length === 0) continue
        this.errors.add(commonPath(targets.map((target) => places?.get(target) ?? [])), { ...known, covers: true })
      }
    }
  }

  #failPart(fetch: CompiledEntityFetch, part: CompiledPart, entities: Entities | undefined, reason: unknown): void {
    if (!entities || entities.targets.length === 0) return
    const places = locate(this.data, part.paths)
    const path = commonPath(entities.targets.map((target) => places.get(target) ?? []))
    this.errors.add(path, fetchFailure(fetch.subgraph, reason))
  }

  async #send(request: SubgraphRequest): Promise<SubgraphResponse> {
    const channel = this.#channels.get(request.subgraph)
    if (!channel) throw codedError('SUBGRAPH_UNAVAILABLE', `There is no way to subgraph "${request.subgraph}".`)
    return withinTime(this.#context, () => channel.execute(request))
  }
}

/** The entities of one part: each place where one stands, and each representation once. */
class Entities implements Found {
  readonly targets: Json[] = []
  readonly representations: string[] = []
  /** For each target the index of its representation. */
  readonly indexes: number[] = []
  readonly #known = new Map<string, number>()
  /** By type, then by key: in a list most entities have been met before, and their text need not be joined and hashed. */
  readonly #keyed = new Map<string, Map<unknown, number>>()

  add(target: Json, representation: string): void {
    this.#put(target, this.#indexOf(representation))
  }

  addKeyed(target: Json, type: string, key: unknown, beginning: string): void {
    let known = this.#keyed.get(type)
    if (known === undefined) {
      known = new Map()
      this.#keyed.set(type, known)
    }
    let index = known.get(key)
    if (index === undefined) {
      index = this.#indexOf(`${beginning}${writers.leaf(key)}}`)
      known.set(key, index)
    }
    this.#put(target, index)
  }

  #indexOf(representation: string): number {
    let index = this.#known.get(representation)
    if (index === undefined) {
      index = this.representations.push(representation) - 1
      this.#known.set(representation, index)
    }
    return index
  }

  #put(target: Json, index: number): void {
    this.targets.push(target)
    this.indexes.push(index)
  }

  targetsOf(representation: number): Json[] {
    return this.targets.filter((_, index) => this.indexes[index] === representation)
  }
}

function mergeEntities(
  part: CompiledPart,
  { targets, indexes, representations }: Entities,
  answered: unknown[],
  gone: Set<unknown>,
): void {
  part.rewrite?.apply(answered)
  const isShared = part.isFilledLater && targets.length > representations.length
  const given = isShared ? new Set<unknown>() : undefined
  for (let i = 0; i < targets.length; i++) {
    const target = targets[i]
    let entity = answered[indexes[i] as number]
    if (entity === null) gone.add(target)
    if (entity === null || typeof entity !== 'object' || target === undefined) continue
    if (given?.has(entity)) entity = copyValue(entity)
    else given?.add(entity)
    part.merge(target, entity as Json)
  }
}

/** Runs a fetch unless the request's time is over or nobody waits for it any more; stops waiting when that happens. */
export function withinTime<T>(context: RequestContext, start: () => Promise<T>): Promise<T> {
  const { signal } = context
  if (signal.aborted) return Promise.reject(gaveUp(signal))
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(gaveUp(signal))
    signal.addEventListener('abort', giveUp, { once: true })
    start()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', giveUp))
  })
}

function gaveUp({ reason }: AbortSignal): Error {
  const code = (reason as { extensions?: { code?: unknown } } | undefined)?.extensions?.code
  return typeof code === 'string' ? (reason as Error) : codedError('DEADLINE_EXCEEDED', 'The operation was given up.')
}

function checkData(subgraph: string, { data, errors }: SubgraphResponse): void {
  if (data !== null && data !== undefined && (typeof data !== 'object' || Array.isArray(data))) {
    throw new Error(`Subgraph "${subgraph}" answered data that is not an object.`)
  }
  if (!data && !errors?.length) throw new Error(`Subgraph "${subgraph}" answered neither data nor errors.`)
}

function tooFew(subgraph: string, got: number, asked: number): Error {
  return new Error(`Subgraph "${subgraph}" answered ${got} of ${asked} entities.`)
}

function rename(use: Pick<CompiledPart, 'rewrite'>, segment: PathSegment): PathSegment {
  return typeof segment === 'string' ? (use.rewrite?.renamed(segment) ?? segment) : segment
}
