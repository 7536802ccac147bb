import {
  type DocumentNode,
  type FragmentDefinitionNode,
  Kind,
  type OperationDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'
import { codedError } from '../../lib/errors.ts'

/** How much an operation asks for, with every fragment spread written out. */
export interface Measure {
  /** Levels of nested fields; a flat selection has one. */
  readonly depth: number
  readonly fields: number
  readonly aliases: number
  readonly directives: number
  readonly rootFields: number
}

const nothing: Measure = { depth: 0, fields: 0, aliases: 0, directives: 0, rootFields: 0 }

/**
 * Measures each operation of a document. Each fragment is measured once, so that the time is linear in the document
 * however often a fragment is spread. Throws on a fragment that spreads itself.
 */
export function measureOperations(document: DocumentNode): Map<OperationDefinitionNode, Measure> {
  const fragments = new Fragments(document)
  const measures = new Map<OperationDefinitionNode, Measure>()
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue
    const measure = measureSet(definition.selectionSet, fragments)
    const variables = (definition.variableDefinitions ?? []).reduce(
      (sum, node) => sum + (node.directives?.length ?? 0),
      0,
    )
    const directives = measure.directives + (definition.directives?.length ?? 0) + variables
    measures.set(definition, { ...measure, directives })
  }
  return measures
}

class Fragments {
  readonly #definitions = new Map<string, FragmentDefinitionNode>()
  readonly #measures = new Map<string, Measure>()
  readonly #open = new Set<string>()

  constructor(document: DocumentNode) {
    for (const node of document.definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) this.#definitions.set(node.name.value, node)
    }
  }

  measure(name: string): Measure {
    const known = this.#measures.get(name)
    if (known !== undefined) return known
    const definition = this.#definitions.get(name)
    // Validation names unknown fragments. Counted as a field, so that no chain of spreads comes to nothing.
    if (definition === undefined) return { ...nothing, fields: 1 }
    if (this.#open.has(name)) {
      throw codedError('GRAPHQL_VALIDATION_FAILED', `Cannot spread fragment "${name}" within itself.`)
    }
    this.#open.add(name)
    const measure = measureSet(definition.selectionSet, this)
    this.#open.delete(name)
    this.#measures.set(name, measure)
    return measure
  }
}

function measureSet(set: SelectionSetNode, fragments: Fragments): Measure {
  return set.selections.reduce<Measure>((sum, selection) => add(sum, measureOne(selection, fragments)), nothing)
}

function measureOne(selection: SelectionNode, fragments: Fragments): Measure {
  const directives = selection.directives?.length ?? 0
  if (selection.kind === Kind.FRAGMENT_SPREAD) {
    const inner = fragments.measure(selection.name.value)
    return { ...inner, directives: inner.directives + directives }
  }
  if (selection.kind === Kind.INLINE_FRAGMENT) {
    const inner = measureSet(selection.selectionSet, fragments)
    return { ...inner, directives: inner.directives + directives }
  }
  const inner = selection.selectionSet === undefined ? nothing : measureSet(selection.selectionSet, fragments)
  return {
    depth: inner.depth + 1,
    fields: inner.fields + 1,
    aliases: inner.aliases + (selection.alias === undefined ? 0 : 1),
    directives: inner.directives + directives,
    rootFields: 1,
  }
}

function add(a: Measure, b: Measure): Measure {
  return {
    depth: Math.max(a.depth, b.depth),
    fields: a.fields + b.fields,
    aliases: a.aliases + b.aliases,
    directives: a.directives + b.directives,
    rootFields: a.rootFields + b.rootFields,
  }
}
