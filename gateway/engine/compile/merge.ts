import { type FieldNode, Kind, type OperationDefinitionNode, parse, type SelectionSetNode } from 'graphql'
import type { GeneratedFunction } from './representation.ts'
import { comment, type Names, property } from './source.ts'

/** What a fetch's own text tells of its answer. */
export interface FetchText {
  /** Response keys at the root. */
  readonly rootKeys: readonly string[]
  /** The fields of an `_entities` field by response key, over all types; true for those with fields below. */
  entityKeys(alias: string): ReadonlyMap<string, boolean>
}

export function readFetchText(operation: string): FetchText {
  const { definitions } = parse(operation, { noLocation: true })
  const definition = definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION) as OperationDefinitionNode
  const fragments = new Map(
    definitions.flatMap((node) =>
      node.kind === Kind.FRAGMENT_DEFINITION ? [[node.name.value, node.selectionSet]] : [],
    ),
  )
  const fields = fieldsIn(definition.selectionSet, fragments)
  return {
    rootKeys: [...new Set(fields.map(keyOf))],
    entityKeys(alias) {
      const keys = new Map<string, boolean>()
      for (const field of fields) {
        if (keyOf(field) !== alias || !field.selectionSet) continue
        for (const inner of fieldsIn(field.selectionSet, fragments)) {
          keys.set(keyOf(inner), keys.get(keyOf(inner)) === true || inner.selectionSet !== undefined)
        }
      }
      return keys
    },
  }
}

/**
 * Generates `merge(target, entity)`: adds what a subgraph answered about an entity to the answer. A null never takes
 * the place of a value: it is a failure of this subgraph, and the value is another's.
 */
export function generateMerge(keys: ReadonlyMap<string, boolean>, names: Names): GeneratedFunction {
  const name = names.next('merge')
  const lines = [...keys].map(([key, hasFields]) => {
    const from = property('entity', key)
    const to = property('target', key)
    if (hasFields) return `  if ((value = ${from}) !== undefined) ${to} = mergeValue(${to}, value)`
    return `  if ((value = ${from}) !== undefined && (value !== null || ${to} === undefined)) ${to} = value`
  })
  const source = [
    comment(`Merges ${[...keys.keys()].join(' ')}`),
    `function ${name}(target, entity) {`,
    '  let value',
    ...lines,
    '}',
  ].join('\n')
  return { name, source }
}

/** Joins two answers about one value. Objects are joined field by field and lists item by item, into the first. */
export function mergeValue(target: unknown, value: unknown): unknown {
  if (value === null || value === undefined) return target === undefined ? value : target
  if (target === null || typeof target !== 'object' || typeof value !== 'object') return value
  if (Array.isArray(target)) {
    if (!Array.isArray(value)) return target
    for (let i = 0; i < value.length; i++) target[i] = mergeValue(target[i], value[i])
    return target
  }
  if (Array.isArray(value)) return target
  mergeObject(target as Record<string, unknown>, value as Record<string, unknown>)
  return target
}

export function mergeObject(target: Record<string, unknown>, value: Record<string, unknown>): void {
  for (const key of Object.keys(value)) {
    if (Object.hasOwn(target, key)) target[key] = mergeValue(target[key], value[key])
    else define(target, key, value[key])
  }
}

/** Assigns, also where a custom scalar's data has a key named `__proto__`. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

/** A copy of plain data, for an answer that belongs at several places which later fetches fill differently. */
export function copyValue(value: unknown): unknown {
  if (value === null || typeof value !== 'object') return value
  if (Array.isArray(value)) return value.map(copyValue)
  const copy: Record<string, unknown> = {}
  for (const key of Object.keys(value)) define(copy, key, copyValue((value as Record<string, unknown>)[key]))
  return copy
}

function fieldsIn(set: SelectionSetNode | undefined, fragments: ReadonlyMap<string, SelectionSetNode>): FieldNode[] {
  return (set?.selections ?? []).flatMap((selection) => {
    if (selection.kind === Kind.FIELD) return [selection]
    if (selection.kind === Kind.INLINE_FRAGMENT) return fieldsIn(selection.selectionSet, fragments)
    return fieldsIn(fragments.get(selection.name.value), fragments)
  })
}

function keyOf(node: FieldNode): string {
  return (node.alias ?? node.name).value
}
