import type { GraphQLFormattedError } from 'graphql'
import type { Refusal } from '../access/gate.ts'
import type { ErrorNode, FetchError, PathSegment } from '../errors.ts'
import { witnessKey } from '../witness.ts'
import { writers } from './project.ts'
import type { AbstractShape, NullableShape, Selection, Shape, ShapeField } from './shape.ts'

/** The response's data as JSON text, and its errors with their paths in the response. */
export interface Completed {
  readonly text: string
  readonly errors: GraphQLFormattedError[]
}

/**
 * Writes the response's data where something is not as it should be: completes values as section 6.4.3 of the GraphQL
 * specification says, lets nulls bubble up, and puts each error of a fetch where the response shows its place.
 * @param gone objects that their subgraph does not have: what is missing of them is no fault, and bubbles up without
 *   an error, as in other gateways.
 */
export function complete(
  root: Selection,
  data: Record<string, unknown>,
  errors: ErrorNode,
  gone: ReadonlySet<unknown> = new Set(),
): Completed {
  const completion = new Completion(gone)
  const text = completion.object(root, data, errors, false) ?? 'null'
  completion.reportRest(root, data, errors)
  return { text, errors: completion.errors }
}

class Completion {
  readonly errors: GraphQLFormattedError[] = []
  readonly #path: PathSegment[] = []
  readonly #reported = new Set<FetchError>()
  readonly #gone: ReadonlySet<unknown>

  constructor(gone: ReadonlySet<unknown>) {
    this.#gone = gone
  }

  /** Undefined when a null inside takes the whole object with it. */
  object(
    selection: Selection,
    object: Record<string, unknown>,
    at: ErrorNode | undefined,
    covered: boolean,
  ): string | undefined {
    let text = ''
    let fits = true
    const isGone = this.#gone.has(object)
    for (const field of selection.fields) {
      this.#path.push(field.responseKey)
      const given = object[field.key]
      const explained = covered || (isGone && given === undefined)
      const value = this.#value(field.shape, given, at?.below.get(field.key), explained, field)
      this.#path.pop()
      // The rest is gone through all the same, for its errors.
      if (value === undefined) fits = false
      if (field.responseKey !== witnessKey) text += `,"${field.responseKey}":${value}`
    }
    return fits ? `{${text.slice(1)}}` : undefined
  }

  #value(
    shape: Shape,
    value: unknown,
    at: ErrorNode | undefined,
    covered: boolean,
    field: ShapeField,
  ): string | undefined {
    if (at) this.#report(at.errors)
    const coveredBelow = covered || (at?.errors.some((error) => error.covers) ?? false)
    if (shape.kind !== 'nonNull') return this.#nullable(shape, value, at, coveredBelow, field)
    const before = this.errors.length
    const text = this.#nullable(shape.of, value, at, coveredBelow, field)
    if (text !== 'null') return text
    const explained = coveredBelow || this.errors.length > before || (at !== undefined && hasErrors(at))
    if (!explained) this.#fail(`Cannot return null for non-nullable field ${field.coordinate}.`)
    return undefined
  }

  #nullable(
    shape: NullableShape,
    value: unknown,
    at: ErrorNode | undefined,
    covered: boolean,
    field: ShapeField,
  ): string {
    if (shape.kind === 'refused') return this.#refuse(shape.refusal)
    if (shape.kind === 'typename' && shape.name !== undefined) return JSON.stringify(shape.name)
    if (value === null || value === undefined) {
      if (at) this.#reportBelow(shape, at)
      return 'null'
    }
    switch (shape.kind) {
      case 'text':
        return value as string
      case 'typename':
        return writers.name(value)
      case 'list':
        return this.#list(shape.of, value, at, covered, field)
      case 'object':
        return this.#object(shape.selection, value, at, covered, field)
      case 'abstract':
        return this.#abstract(shape, value, at, covered, field)
      case 'enum': {
        const text = shape.texts.get(value)
        if (text === undefined && !shape.hidden.has(value)) this.#unfit(shape.type, field)
        return text ?? 'null'
      }
      case 'scalar':
        return this.#scalar(shape.type, value, field)
    }
  }

  #list(of: Shape, list: unknown, at: ErrorNode | undefined, covered: boolean, field: ShapeField): string {
    if (!Array.isArray(list)) return this.#unfit('a list', field)
    let text = ''
    let fits = true
    for (const [index, item] of list.entries()) {
      this.#path.push(index)
      const value = this.#value(of, item, at?.below.get(index), covered, field)
      this.#path.pop()
      if (value === undefined) fits = false
      text += `,${value}`
    }
    return fits ? `[${text.slice(1)}]` : 'null'
  }

  #object(
    selection: Selection,
    value: unknown,
    at: ErrorNode | undefined,
    covered: boolean,
    field: ShapeField,
  ): string {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.#unfit('an object', field)
    return this.object(selection, value as Record<string, unknown>, at, covered) ?? 'null'
  }

  #abstract(
    shape: AbstractShape,
    value: unknown,
    at: ErrorNode | undefined,
    covered: boolean,
    field: ShapeField,
  ): string {
    const typename = (value as { __typename?: unknown }).__typename
    if (shape.hidden.has(typename as string)) return 'null'
    const refusal = shape.refused.get(typename as string)
    if (refusal) return this.#refuse(refusal)
    return this.#object(shape.selections.get(typename as string) ?? shape.otherwise, value, at, covered, field)
  }

  #scalar(type: string, value: unknown, field: ShapeField): string {
    try {
      return (scalarWriters[type] ?? writers.anything)(value)
    } catch {
      return this.#unfit(type, field)
    }
  }

  #unfit(expected: string, field: ShapeField): 'null' {
    this.#fail(`A subgraph answered a value for ${field.coordinate} that is not ${expected}.`)
    return 'null'
  }

  #refuse({ message, extensions }: Refusal): 'null' {
    this.errors.push({ message, path: [...this.#path], extensions })
    return 'null'
  }

  #fail(message: string): void {
    this.errors.push({ message, path: [...this.#path], extensions: { code: 'INTERNAL_SERVER_ERROR' } })
  }

  #report(errors: readonly FetchError[], tail: readonly PathSegment[] = []): void {
    for (const error of errors) {
      this.#reported.add(error)
      this.errors.push({ message: error.message, path: [...this.#path, ...tail], extensions: error.extensions })
    }
  }

  /** Reports what failed inside a value that is null because of it. */
  #reportBelow(shape: Shape, at: ErrorNode, tail: readonly PathSegment[] = []): void {
    for (const [segment, node] of at.below) {
      const [names, inner] = followed(shape, segment)
      const deeper = [...tail, ...names]
      this.#report(node.errors, deeper)
      this.#reportBelow(inner, node, deeper)
    }
  }

  /** Reports errors at places that the client did not select, such as fields that others require. */
  reportRest(root: Selection, data: Record<string, unknown>, at: ErrorNode): void {
    this.#path.length = 0
    const rest = (shape: Shape, value: unknown, node: ErrorNode, path: readonly PathSegment[]) => {
      const unreported = node.errors.filter((error) => !this.#reported.has(error))
      this.#report(unreported, path)
      for (const [segment, inner] of node.below) {
        const [names, next] = followed(shape, segment, value)
        rest(next, (value as Record<PathSegment, unknown> | undefined | null)?.[segment], inner, [...path, ...names])
      }
    }
    rest({ kind: 'object', selection: root }, data, at, [])
  }
}

const unknownShape: Shape = { kind: 'scalar', type: '' }
/** The form of what shows nowhere, and has no path of its own. */
const hiddenShape: Shape = { kind: 'scalar', type: '' }

/**
 * The response's name for a step in the fetched data, and the form of what is there. There is no name where the client
 * did not select what was fetched and calls another field by its name: the error would seem to be of that one.
 * @param value what was fetched there, by whose type it is known what is selected of it.
 */
function followed(shape: Shape, segment: PathSegment, value?: unknown): readonly [readonly PathSegment[], Shape] {
  if (shape === hiddenShape) return [[], hiddenShape]
  if (shape.kind === 'nonNull') return followed(shape.of, segment, value)
  if (shape.kind === 'list') return [[segment], shape.of]
  const fields = fieldsOf(shape, value)
  const field = fields.find(({ key }) => key === segment)
  if (field) return [[field.responseKey], field.shape]
  return fields.some(({ responseKey }) => responseKey === segment) ? [[], hiddenShape] : [[segment], unknownShape]
}

function fieldsOf(shape: Shape, value: unknown): readonly ShapeField[] {
  if (shape.kind === 'object') return shape.selection.fields
  if (shape.kind !== 'abstract') return []
  const typename = (value as { __typename?: unknown } | undefined | null)?.__typename
  if (typeof typename === 'string') return (shape.selections.get(typename) ?? shape.otherwise).fields
  return [...shape.selections.values(), shape.otherwise].flatMap(({ fields }) => fields)
}

function hasErrors({ errors, below }: ErrorNode): boolean {
  return errors.length > 0 || [...below.values()].some(hasErrors)
}

const scalarWriters: Readonly<Record<string, (value: unknown) => string>> = {
  Int: writers.integer,
  Float: writers.float,
  String: writers.string,
  ID: writers.id,
  Boolean: writers.boolean,
}
