import { type DocumentNode, type FieldNode, Kind, parse } from 'graphql'
import { LRUCache } from 'lru-cache'
import { PolicySum } from '../../lib/cache-control.ts'
import type { CacheHints } from '../../lib/cache-hints.ts'
import { unavailable } from '../engine/channel/failure.ts'
import type { Channel, SubgraphRequest, SubgraphResponse } from '../engine/types.ts'
import type { Kept, KeptTexts, Reader } from './kept.ts'

/** Tells the request how long each answer may be kept. */
export function withPolicies(channel: Channel): Channel {
  return {
    async execute(request) {
      const response = await channel.execute(request)
      request.context.cachePolicy?.add(response.errors?.length ? undefined : response.cachePolicy)
      return response
    },
    subscribe: (request) => channel.subscribe(request),
    close: () => channel.close(),
  }
}

/** Gives the answers of a subgraph that says nothing the policy that its schema's hints say. */
export function withHints(channel: Channel, hints: CacheHints): Channel {
  return {
    async execute(request) {
      const response = await channel.execute(request)
      if (response.cachePolicy !== undefined || !request.context.cachePolicy) return response
      return { ...response, cachePolicy: hints.of(request.operation) }
    },
    subscribe: (request) => channel.subscribe(request),
    close: () => channel.close(),
  }
}

/**
 * Keeps what a subgraph answers to queries: root fields by their operation and variables, entities one by one, so that a
 * list of which some are known asks for the rest alone. Nothing is kept or found within mutations and subscriptions: what
 * they show must be as new as what they tell of.
 */
export function withKeptFetches(channel: Channel, kept: KeptTexts): Channel {
  const operations = new LRUCache<string, readonly EntityField[]>({ max: 2000 })
  return {
    async execute(request) {
      if (request.kind !== 'query' || !request.context.cachePolicy) return channel.execute(request)
      let fields = operations.get(request.operation)
      if (fields === undefined) {
        fields = entityFields(parse(request.operation, { noLocation: true }))
        operations.set(request.operation, fields)
      }
      return fields.length === 0
        ? keptRoot(channel, kept, request)
        : new EntityFetch(channel, kept, request, fields).answer()
    },
    subscribe: (request) => channel.subscribe(request),
    close: () => channel.close(),
  }
}

async function keptRoot(channel: Channel, kept: KeptTexts, request: SubgraphRequest): Promise<SubgraphResponse> {
  const reader = kept.readerOf(request.context)
  const what = JSON.stringify(['root', request.subgraph, request.operation, request.variables])
  const known = await kept.find(reader, 'fetch', what, nowOf(request))
  if (known) return { data: JSON.parse(known.text), cachePolicy: known.policy }
  const response = await channel.execute(request)
  const policy = keepable(response)
  if (policy && response.data) {
    await kept.keep(reader, what, { text: JSON.stringify(response.data), policy }, nowOf(request))
  }
  return response
}

/** A field `_entities` of an operation, and the variable that holds its representations. */
interface EntityField {
  readonly key: string
  readonly variable: string
}

function entityFields(document: DocumentNode): EntityField[] {
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION)
  return (operation?.selectionSet.selections ?? []).flatMap((node) =>
    node.kind === Kind.FIELD && node.name.value === '_entities' ? (entityField(node) ?? []) : [],
  )
}

function entityField(node: FieldNode): EntityField | undefined {
  const value = node.arguments?.find(({ name }) => name.value === 'representations')?.value
  if (value?.kind !== Kind.VARIABLE) return undefined
  return { key: node.alias?.value ?? node.name.value, variable: value.name.value }
}

/** One field's entities: the text of each that is known, and the places of those that are not. */
interface Found {
  readonly field: EntityField
  readonly keys: readonly string[]
  readonly entities: (Kept | undefined)[]
  readonly missing: readonly number[]
}

/** One fetch of entities. */
class EntityFetch {
  readonly #channel: Channel
  readonly #kept: KeptTexts
  readonly #request: SubgraphRequest
  readonly #fields: readonly EntityField[]
  readonly #reader: Reader
  readonly #variables: Record<string, unknown>

  constructor(channel: Channel, kept: KeptTexts, request: SubgraphRequest, fields: readonly EntityField[]) {
    this.#channel = channel
    this.#kept = kept
    this.#request = request
    this.#fields = fields
    this.#reader = kept.readerOf(request.context)
    this.#variables = request.variables
  }

  async answer(): Promise<SubgraphResponse> {
    const found = await Promise.all(this.#fields.map((field) => this.#find(field)))
    const sum = new PolicySum()
    for (const { policy } of found.flatMap(({ entities }) => entities.filter((kept) => kept !== undefined))) {
      sum.add(policy)
    }
    const isComplete = found.every(({ missing }) => missing.length === 0)
    const response = isComplete ? {} : await this.#channel.execute(this.#asking(found))
    if (!isComplete) sum.add(response.cachePolicy)
    const data: Record<string, unknown> = {}
    for (const one of found) data[one.field.key] = await this.#join(one, response)
    return {
      data,
      ...(response.errors ? { errors: response.errors.map((error) => replaced(error, found)) } : {}),
      cachePolicy: sum.policy,
    }
  }

  async #find(field: EntityField): Promise<Found> {
    const { subgraph, operation } = this.#request
    const others = { ...this.#variables }
    for (const { variable } of this.#fields) delete others[variable]
    const common = JSON.stringify(['entity', subgraph, operation, field.key, others])
    const representations = this.#variables[field.variable]
    const keys = Array.isArray(representations) ? representations.map((one) => common + JSON.stringify(one)) : []
    const entities = await Promise.all(
      keys.map((key) => this.#kept.find(this.#reader, 'entity', key, nowOf(this.#request))),
    )
    const missing = entities.flatMap((entity, index) => (entity === undefined ? [index] : []))
    return { field, keys, entities, missing }
  }

  /** The request for those that are missing. */
  #asking(found: readonly Found[]): SubgraphRequest {
    const { subgraph, kind, operation, operationName, context } = this.#request
    const variables = { ...this.#variables }
    for (const { field, missing } of found) {
      const all = variables[field.variable] as readonly unknown[]
      variables[field.variable] = missing.map((index) => all[index])
    }
    return { subgraph, kind, operation, operationName, variables, context }
  }

  async #join({ field, keys, entities, missing }: Found, response: SubgraphResponse): Promise<unknown> {
    const fresh = response.data?.[field.key]
    if (missing.length > 0 && !Array.isArray(fresh)) {
      if (response.errors?.length) return null
      throw unavailable(this.#request.subgraph, 'answered no list of entities')
    }
    const list = entities.map((entity) => (entity === undefined ? undefined : JSON.parse(entity.text)))
    const given = (fresh ?? []) as readonly unknown[]
    if (given.length < missing.length) {
      throw unavailable(this.#request.subgraph, `answered ${given.length} of ${missing.length} entities`)
    }
    const policy = keepable(response)
    const keeping: Promise<void>[] = []
    for (const [at, index] of missing.entries()) {
      list[index] = given[at]
      if (policy) {
        const text = JSON.stringify(given[at] ?? null)
        keeping.push(this.#kept.keep(this.#reader, keys[index] ?? '', { text, policy }, nowOf(this.#request)))
      }
    }
    await Promise.all(keeping)
    return list
  }
}

type SubgraphError = NonNullable<SubgraphResponse['errors']>[number]

/** An error of an entity that was asked for among the missing ones, at its place among all. */
function replaced(error: SubgraphError, found: readonly Found[]): SubgraphError {
  const [key, at, ...rest] = error.path ?? []
  const index = typeof at === 'number' ? found.find(({ field }) => field.key === key)?.missing[at] : undefined
  return key === undefined || index === undefined ? error : { ...error, path: [key, index, ...rest] }
}

function keepable({ errors, cachePolicy }: SubgraphResponse): Kept['policy'] | undefined {
  return errors?.length ? undefined : cachePolicy
}

function nowOf({ context: { clock } }: SubgraphRequest): number {
  return clock.now().getTime()
}
