import { defaultTypeResolver, type ExecutionResult, GraphQLError, type GraphQLObjectType, locatedError } from 'graphql'
import { runtimeTypeOf } from './abstract-type.ts'
import { type AbstractCompletion, type Completion, serialized } from './completion.ts'
import type { Arguments, SelectedField, Selection } from './field.ts'
import { ResolveInfo } from './info.ts'
import { Place } from './place.ts'
import type { Variables } from './selection.ts'

/** What an execution is given besides its operation. */
export interface Given {
  readonly rootValue: unknown
  readonly context: unknown
  readonly variables: Variables
}

type Key = string | number

/**
 * One execution (GraphQL specification, §6). Values are written into their places as they come, and what is waited for
 * is counted: no object or list becomes a promise because something below it takes its time. It is over when nothing is
 * waited for any more, so no resolver works on behind its answer.
 */
export class Run {
  readonly #given: Given
  readonly #root = new Place(null, '', null, true, {})
  readonly #errors: GraphQLError[] = []
  readonly #arguments = new Map<SelectedField, Arguments>()
  #awaited = 0
  /** Of the fields that are being answered. */
  #over!: PromiseWithResolvers<void>

  constructor(given: Given) {
    this.#given = given
  }

  /** @param serially whether a field begins when the one before it has come with all below, as a mutation's do. */
  async answer(selection: Selection, serially: boolean): Promise<ExecutionResult> {
    for (const fields of serially ? selection.map((field) => [field]) : [selection]) {
      this.#over = Promise.withResolvers()
      this.#answerFields(fields, this.#given.rootValue, this.#root)
      if (this.#awaited > 0) await this.#over.promise
      if (this.#root.ended) break
    }
    const data = this.#root.ended ? null : (this.#root.values as Record<string, unknown>)
    return this.#errors.length === 0 ? { data } : { errors: this.#errors, data }
  }

  #answerFields(selection: Selection, source: unknown, place: Place): void {
    for (const field of selection) {
      this.#answerField(field, source, place)
      if (place.ended) return
    }
  }

  #answerField(field: SelectedField, source: unknown, place: Place): void {
    let value: unknown
    try {
      value = this.#resolve(field, source, place)
    } catch (error) {
      this.#fail(error, field, field.completion, place, field.responseName)
      return
    }
    this.#settle(value, field, field.completion, place, field.responseName)
  }

  #resolve(field: SelectedField, source: unknown, place: Place): unknown {
    const { context } = this.#given
    if (field.resolve) return field.resolve(source, this.#argumentsOf(field), context, this.#info(field, place))
    const value = propertyOf(source, field.definition.name)
    if (typeof value !== 'function') return value
    return Reflect.apply(value, source, [this.#argumentsOf(field), context, this.#info(field, place)])
  }

  /** Read once, however many objects have the field. */
  #argumentsOf(field: SelectedField): Arguments {
    const { variables } = this.#given
    if (field.isConstant) return field.argumentsWith(variables)
    const known = this.#arguments.get(field)
    if (known) return known
    const values = field.argumentsWith(variables)
    this.#arguments.set(field, values)
    return values
  }

  #info(field: SelectedField, place: Place): ResolveInfo {
    return new ResolveInfo(field, place, this.#given)
  }

  /** Puts what a value comes to in its place: at once, or when it has come. */
  #settle(value: unknown, field: SelectedField, completion: Completion, place: Place, key: Key): void {
    if (isThenable(value)) {
      // Keeps its place in the order of the answer.
      place.put(key, null)
      const come = (settled: unknown) => this.#settle(settled, field, completion, place, key)
      const failed = (error: unknown) => this.#fail(error, field, completion, place, key)
      this.#await(value, place, come, failed)
      return
    }
    try {
      this.#complete(value, field, completion, place, key)
    } catch (error) {
      this.#fail(error, field, completion, place, key)
    }
  }

  #await(
    value: PromiseLike<unknown>,
    place: Place,
    come: (value: unknown) => void,
    failed: (error: unknown) => void,
  ): void {
    const then = (go: (result: unknown) => void) => (result: unknown) => {
      try {
        if (place.isLost) this.#outlive(result, place)
        else go(result)
      } catch (error) {
        // An error that cannot even be told of.
        this.#over.reject(error)
      }
      this.#awaited--
      if (this.#awaited === 0) this.#over.resolve()
    }
    this.#awaited++
    const promise = value instanceof Promise ? value : Promise.resolve(value)
    promise.then(then(come), then(failed))
  }

  /** Waits for what nobody asks for any more: a promise that fails unheard would end the process. */
  #outlive(value: unknown, place: Place): void {
    if (isThenable(value)) this.#await(value, place, nothing, nothing)
    else if (Array.isArray(value) || value instanceof Set) for (const item of value) this.#outlive(item, place)
  }

  #complete(value: unknown, field: SelectedField, completion: Completion, place: Place, key: Key): void {
    if (value === null || value === undefined) {
      if (!completion.nullable) throw new Error(`Cannot return null for non-nullable field ${field.coordinate}.`)
      place.put(key, null)
    } else if (value instanceof Error) {
      throw value
    } else if (completion.kind === 'leaf') {
      place.put(key, serialized(completion, value))
    } else if (completion.kind === 'list') {
      this.#completeList(value, field, completion.item, this.#begin([], field, completion, place, key))
    } else if (completion.kind === 'object') {
      this.#completeObject(value, completion.type, field, completion, place, key)
    } else {
      this.#completeAbstract(value, field, completion, place, key)
    }
  }

  #begin(values: object, field: SelectedField, { nullable }: Completion, place: Place, key: Key): Place {
    place.put(key, values)
    return new Place(place, key, field, nullable, values)
  }

  #completeList(value: unknown, field: SelectedField, item: Completion, list: Place): void {
    const items = itemsOf(value)
    if (!items) throw new GraphQLError(`Expected Iterable, but did not find one for field "${field.coordinate}".`)
    for (let index = 0; index < items.length; index++) {
      if (list.ended) this.#outlive(items[index], list)
      else this.#settle(items[index], field, item, list, index)
    }
  }

  #completeObject(
    value: unknown,
    type: GraphQLObjectType,
    field: SelectedField,
    completion: Completion,
    place: Place,
    key: Key,
  ): void {
    const selection = field.selectionOf(type)
    this.#answerFields(selection, value, this.#begin({}, field, completion, place, key))
  }

  #completeAbstract(
    value: unknown,
    field: SelectedField,
    completion: AbstractCompletion,
    place: Place,
    key: Key,
  ): void {
    const { type } = completion
    const resolveType = type.resolveType ?? defaultTypeResolver
    const name = resolveType(value, this.#given.context, this.#info(field, place), type)
    const complete = (found: unknown) =>
      this.#completeObject(value, runtimeTypeOf(found, field, type), field, completion, place, key)
    if (!isThenable(name)) {
      complete(name)
      return
    }
    place.put(key, null)
    const failed = (error: unknown) => this.#fail(error, field, completion, place, key)
    const come = (found: unknown) => {
      try {
        complete(found)
      } catch (error) {
        failed(error)
      }
    }
    this.#await(name, place, come, failed)
  }

  #fail(error: unknown, field: SelectedField, { nullable }: Completion, place: Place, key: Key): void {
    this.#errors.push(locatedError(error, field.nodes, place.pathTo(key)))
    if (nullable) place.put(key, null)
    else place.end()
  }
}

const nothing = () => {}

function propertyOf(source: unknown, name: string): unknown {
  if (source === null || (typeof source !== 'object' && typeof source !== 'function')) return undefined
  return (source as Record<string, unknown>)[name]
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}

function itemsOf(value: unknown): readonly unknown[] | null {
  if (Array.isArray(value)) return value
  return typeof value === 'object' && value !== null && Symbol.iterator in value
    ? Array.from(value as Iterable<unknown>)
    : null
}
