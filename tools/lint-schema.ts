import { globSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type DefinitionNode,
  type FieldDefinitionNode,
  type InputValueDefinitionNode,
  Kind,
  parse,
  print,
  type StringValueNode,
  type TypeNode,
} from 'graphql'

// Holds the grammar of schema/guide.md as far as a machine can.

const directory = join(import.meta.dirname, '..', 'subgraphs')
const rooms = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const sources = [
  join(directory, 'common.graphql'),
  ...rooms.flatMap((room) =>
    globSync('*.graphql', { cwd: join(directory, room.name) }).map((file) => join(directory, room.name, file)),
  ),
]

const rootTypes = new Set(['Query', 'Mutation', 'Subscription'])
const described = new Set<string>()
const mistakes: string[] = []
const definitions = sources.flatMap((file) => [...parse(readFileSync(file, 'utf8')).definitions])
const problems = new Set(definitions.flatMap((node) => (implementsFace(node, 'Problem') ? [nameOf(node)] : [])))

const leaves = new Set(
  definitions.flatMap((node) =>
    node.kind === Kind.ENUM_TYPE_DEFINITION || node.kind === Kind.SCALAR_TYPE_DEFINITION ? [node.name.value] : [],
  ),
)
for (const scalar of ['ID', 'String', 'Int', 'Float', 'Boolean']) leaves.add(scalar)
/** An address that a user gives can lead into the operator's own network (OWASP, server-side request forgery). */
const namesAddress = /(^|[a-z])(url|uri|href|webhook|endpoint|callback|host|address)s?$/i
const unguarded =
  'no address is taken from users before there is one guard for all: it resolves and pins, refuses private ranges, and follows no redirect'
/** Lists that the field above sizes, as `Type.field`. */
const sizedAbove = new Set(definitions.flatMap(fieldsOf).flatMap(sizedBelow))

for (const node of definitions) checkType(node)
for (const node of definitions) checkDescribedOnce(node)
for (const mistake of mistakes) console.error(mistake)
console.log(`${definitions.length} definitions in ${sources.length} files, ${mistakes.length} mistakes`)
process.exitCode = mistakes.length === 0 ? 0 : 1

function checkType(node: DefinitionNode): void {
  const name = nameOf(node)
  if (name === '') return
  if ('description' in node && node.description) described.add(name)
  // A directive's name is Apollo's.
  if (node.kind === Kind.DIRECTIVE_DEFINITION) return
  if (!/^[A-Z][A-Za-z]*$/.test(name)) mistakes.push(`${name}: a type's name is PascalCase`)
  if (node.kind === Kind.ENUM_TYPE_DEFINITION) {
    for (const value of node.values ?? []) {
      if (!/^[A-Z][A-Z0-9_]*$/.test(value.name.value))
        mistakes.push(`${name}.${value.name.value}: an enum value is in capitals`)
      requireDescription(`${name}.${value.name.value}`, value.description)
    }
  }
  if (node.kind === Kind.UNION_TYPE_DEFINITION) checkResult(name, node.types?.map((type) => type.name.value) ?? [])
  if (node.kind === Kind.INPUT_OBJECT_TYPE_DEFINITION) {
    if (!/(Input|Filter)$/.test(name)) mistakes.push(`${name}: an input's name ends in Input or Filter`)
    for (const field of node.fields ?? []) checkArgument(name, field)
  }
  if (
    node.kind === Kind.OBJECT_TYPE_DEFINITION ||
    node.kind === Kind.OBJECT_TYPE_EXTENSION ||
    node.kind === Kind.INTERFACE_TYPE_DEFINITION
  ) {
    for (const field of node.fields ?? []) checkField(name, field)
  }
}

function checkField(type: string, field: FieldDefinitionNode): void {
  const path = `${type}.${field.name.value}`
  requireDescription(path, field.description)
  checkCase(path, field.name.value)
  if (/^(get|is|has)[A-Z]/.test(field.name.value) && type !== 'PageInfo')
    mistakes.push(`${path}: a field is a noun or an adjective`)
  checkTime(path, field.name.value, field.type)
  checkList(path, field.type)
  checkSize(path, field)
  for (const argument of field.arguments ?? []) checkArgument(path, argument)
  const result = print(field.type)
  if (/Connection!?$/.test(result)) checkConnection(path, field)
  if (type === 'Mutation') checkMutation(path, field)
  if (type === 'Subscription' && !field.arguments?.some((argument) => argument.name.value === 'after')) {
    mistakes.push(`${path}: a subscription takes \`after\``)
  }
}

function checkMutation(path: string, field: FieldDefinitionNode): void {
  const base = field.name.value[0]?.toUpperCase() + field.name.value.slice(1)
  const args = field.arguments ?? []
  const [input] = args
  if (args.length > 1 || (input && (input.name.value !== 'input' || print(input.type) !== `${base}Input!`))) {
    mistakes.push(`${path}: takes \`input: ${base}Input!\` or nothing`)
  }
  if (print(field.type) !== `${base}Result!`) mistakes.push(`${path}: answers \`${base}Result!\``)
}

function checkResult(name: string, members: readonly string[]): void {
  if (!name.endsWith('Result')) return
  const [first, ...others] = members
  if (first !== `${name.slice(0, -'Result'.length)}Success`) mistakes.push(`${name}: its first member is its Success`)
  for (const other of others) if (!problems.has(other)) mistakes.push(`${name}: ${other} does not implement Problem`)
}

function checkConnection(path: string, field: FieldDefinitionNode): void {
  const names = new Set(field.arguments?.map((argument) => argument.name.value))
  if (!names.has('first') || !names.has('after')) mistakes.push(`${path}: a connection takes \`first\` and \`after\``)
}

function checkArgument(owner: string, argument: InputValueDefinitionNode): void {
  const path = `${owner}(${argument.name.value})`
  checkCase(path, argument.name.value)
  checkTime(path, argument.name.value, argument.type)
  requireDescription(path, argument.description)
  if (namesAddress.test(argument.name.value)) mistakes.push(`${path}: ${unguarded}`)
}

function checkTime(path: string, name: string, type: TypeNode): void {
  const isTime = print(type).replace('!', '') === 'DateTime'
  if (isTime && !/(At|Until|From|Before|^at|^asOf)$/.test(name)) mistakes.push(`${path}: a time ends in At or Until`)
}

function checkList(path: string, type: TypeNode): void {
  const text = print(type)
  if (
    text.startsWith('[') &&
    !/^\[\w+!\]!$/.test(text) &&
    !['Query.nodes', 'Problem.path'].includes(path) &&
    !path.endsWith('.path')
  ) {
    mistakes.push(`${path}: a list and its items are non-null`)
  }
}

/** What a query may cost follows from how long its lists can be; a connection is as long as its page. */
function checkSize(path: string, { type, arguments: args = [], directives = [] }: FieldDefinitionNode): void {
  if (!print(type).startsWith('[') || leaves.has(namedType(type)) || /Connection\.(edges|nodes)$/.test(path)) return
  const isSized = directives.some(({ name }) => name.value === 'listSize') || sizedAbove.has(path)
  if (!isSized && !args.some(({ name }) => name.value === 'ids')) {
    mistakes.push(`${path}: a list of objects says how long it can be: \`@listSize(assumedSize: …)\``)
  }
}

function sizedBelow({ type, directives = [] }: FieldDefinitionNode): string[] {
  const use = directives.find(({ name }) => name.value === 'listSize')
  const sized = use?.arguments?.find(({ name }) => name.value === 'sizedFields')?.value
  if (sized?.kind !== Kind.LIST) return []
  return sized.values.flatMap((value) => (value.kind === Kind.STRING ? [`${namedType(type)}.${value.value}`] : []))
}

function fieldsOf(node: DefinitionNode): readonly FieldDefinitionNode[] {
  return node.kind === Kind.OBJECT_TYPE_DEFINITION ? (node.fields ?? []) : []
}

function namedType(type: TypeNode): string {
  return type.kind === Kind.NAMED_TYPE ? type.name.value : namedType(type.type)
}

function checkCase(path: string, name: string): void {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name)) mistakes.push(`${path}: camelCase`)
}

function requireDescription(path: string, description: StringValueNode | undefined): void {
  const missing = description === undefined || description.value.trim() === ''
  if (missing) mistakes.push(`${path}: has no description`)
}

/** An entity is described by the room that owns it; the others only add fields. */
function checkDescribedOnce(node: DefinitionNode): void {
  const name = nameOf(node)
  if (name !== '' && !rootTypes.has(name) && !described.has(name))
    mistakes.push(`${name}: has no description in any room`)
}

function implementsFace(node: DefinitionNode, face: string): boolean {
  return node.kind === Kind.OBJECT_TYPE_DEFINITION && node.interfaces?.some((item) => item.name.value === face) === true
}

function nameOf(node: DefinitionNode): string {
  return 'name' in node && node.name ? node.name.value : ''
}
