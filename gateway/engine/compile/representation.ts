import { type FieldNode, Kind, type OperationDefinitionNode, parse } from 'graphql'
import type { EntityPart } from '../steps.ts'
import type { Supergraph } from '../supergraph.ts'
import { comment, isOneOf, type Names, property } from './source.ts'
import { fieldsFor, readWanted, type Wanted, type WantedField } from './wanted.ts'

/** Source text of a function, and its name. */
export interface GeneratedFunction {
  readonly name: string
  readonly source: string
}

/**
 * Generates `represent(object, found)`: writes the representation of one object as JSON text and hands it to `found`.
 * An object of another type, or without a whole key of the subgraph, is passed over: the subgraph could not look it up.
 */
export function generateRepresent(
  supergraph: Supergraph,
  subgraph: string,
  part: EntityPart,
  names: Names,
): GeneratedFunction {
  const wanted = readWanted(supergraph, part.requires, part.inputRewrites)
  const helpers: string[] = []
  const cases = [...candidateTypes(supergraph, wanted)].map((type) => {
    const fields = fieldsFor(wanted, type).filter(({ name }) => name !== '__typename')
    const sentAs = typenameFor(wanted, type)
    const guard = keyGuard(supergraph.keysOf(sentAs, subgraph), fields)
    const [key, ...others] = fields
    const beginning = `'{"__typename":${embedded(sentAs)}`
    const text = fields.map((field) => `,${jsonKey(field.name)}:' + ${value(field, names, helpers)} + '`)
    const found =
      key && others.length === 0 && isPlain(key)
        ? `addKeyed(object, ${JSON.stringify(type)}, ${property('object', key.source)}, ${beginning},${jsonKey(key.name)}:')`
        : `add(object, ${beginning}${text.join('')}}')`
    return [`    case ${JSON.stringify(type)}:`, `      if (${guard}) found.${found}`, '      return'].join('\n')
  })
  const name = names.next('represent')
  const source = [
    ...helpers,
    `function ${name}(object, found) {`,
    '  switch (object.__typename) {',
    ...cases,
    '  }',
    '}',
  ].join('\n')
  return { name, source: `${comment(`Representations for ${subgraph}`)}\n${source}` }
}

/** Whether its value is written as it is. */
function isPlain({ constant, below }: WantedField): boolean {
  return constant === undefined && below === undefined
}

function candidateTypes(supergraph: Supergraph, wanted: readonly Wanted[]): Set<string> {
  const types = new Set<string>()
  for (const selection of wanted) {
    if (selection.kind === 'fragment') for (const type of selection.types) types.add(type)
    else if (selection.name !== '__typename') for (const type of supergraph.possibleTypes.keys()) types.add(type)
  }
  return types
}

/** What a subgraph is told that the type is: for an interface object, the interface. */
function typenameFor(wanted: readonly Wanted[], type: string): string {
  return fieldsFor(wanted, type).find(({ name }) => name === '__typename')?.constant ?? type
}

function value(field: WantedField, names: Names, helpers: string[]): string {
  if (field.constant !== undefined) return `'${embedded(field.constant)}'`
  const source = property('object', field.source)
  return field.below ? `${nested(field.below, names, helpers)}(${source})` : `leaf(${source})`
}

/** Generates a function that writes an object or a list of objects inside a representation. */
function nested(wanted: readonly Wanted[], names: Names, helpers: string[]): string {
  const name = names.next('nested')
  const lines = nestedLines(wanted, names, helpers)
  helpers.push(
    [
      `function ${name}(object) {`,
      "  if (object === null || typeof object !== 'object') return 'null'",
      `  if (Array.isArray(object)) return '[' + object.map(${name}).join(',') + ']'`,
      "  let text = ''",
      ...lines.map((line) => `  ${line}`),
      "  return '{' + text.slice(1) + '}'",
      '}',
    ].join('\n'),
  )
  return name
}

function nestedLines(wanted: readonly Wanted[], names: Names, helpers: string[]): string[] {
  return wanted.flatMap((selection) => {
    if (selection.kind === 'field') {
      return [`text += ',${jsonKey(selection.name)}:' + ${value(selection, names, helpers)}`]
    }
    const inside = nestedLines(selection.below, names, helpers).map((line) => `  ${line}`)
    return [`if (${isOneOf('object.__typename', selection.types)}) {`, ...inside, '}']
  })
}

/** True when one of the subgraph's keys is there with nothing null in it. */
function keyGuard(keys: readonly string[], fields: readonly WantedField[]): string {
  const guards = keys
    .map(parseKey)
    .filter((key) => key.every((node) => fields.some(({ name }) => name === node.name.value)))
    .map((key) => key.map((node) => present('object', node, fields)).join(' && '))
  if (guards.length === 1) return guards.join()
  if (guards.length > 1) return guards.map((guard) => `(${guard})`).join(' || ')
  if (fields.length === 0) return 'true'
  return fields.map((field) => `${property('object', field.source)} != null`).join(' || ')
}

function present(object: string, node: FieldNode, fields: readonly WantedField[]): string {
  const field = fields.find(({ name }) => name === node.name.value)
  const source = property(object, field?.source ?? node.name.value)
  const below = field?.below?.filter((selection) => selection.kind === 'field') ?? []
  const deeper = keyFields(node.selectionSet?.selections ?? []).map((inner) => present(source, inner, below))
  if (deeper.length === 0) return `${source} != null`
  return `${source} != null && (Array.isArray(${source}) || (${deeper.join(' && ')}))`
}

function parseKey(key: string): FieldNode[] {
  const operation = parse(`{${key}}`, { noLocation: true }).definitions[0] as OperationDefinitionNode
  return keyFields(operation.selectionSet.selections)
}

function keyFields(selections: OperationDefinitionNode['selectionSet']['selections']): FieldNode[] {
  return selections.filter((node) => node.kind === Kind.FIELD && node.name.value !== '__typename') as FieldNode[]
}

/** A JSON string inside a JavaScript string in single quotes. */
function embedded(text: string): string {
  if (/^\w*$/.test(text)) return `"${text}"`
  return JSON.stringify(JSON.stringify(text)).slice(1, -1).replaceAll("'", "\\'")
}

const jsonKey = embedded
