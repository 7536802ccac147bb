import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  getNullableType,
  isAbstractType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'

/** What a probe puts where an argument names something: filled with ids and words when it is asked. */
export interface Slot {
  readonly argument: string
  /** The argument's type, or that of the input object's field. */
  readonly path: readonly string[]
  readonly kind: 'id' | 'word'
  readonly list: boolean
}

/** One question about a root field, with what it names left open. */
export interface Probe {
  /** `Query.memories(filter.sessionId)` */
  readonly name: string
  readonly field: string
  readonly document: string
  readonly slots: readonly Slot[]
  /** Values of required arguments that name nothing. */
  readonly fixed: Readonly<Record<string, unknown>>
  /** The types whose every id must have an answer for its owner: all that `node` may answer. */
  readonly each: readonly string[] | null
}

/** What a page is read by; it names nothing of anybody's. */
const paging = new Set(['first', 'after', 'last', 'before'])

/** Words that find something of whoever has planted; any other argument takes the planter's own word. */
const words: Readonly<Record<string, string>> = { category: 'PERSON' }

/** Questions about every field of a root type, made from the schema: one for each argument that names something. */
export function probesOf(schema: GraphQLSchema, operation: 'query' | 'subscription'): Probe[] {
  const root = operation === 'query' ? schema.getQueryType() : schema.getSubscriptionType()
  return Object.values(root?.getFields() ?? {}).flatMap((field) => probesOfField(schema, operation, field))
}

function probesOfField(schema: GraphQLSchema, operation: string, field: GraphQLField<unknown, unknown>): Probe[] {
  const naming = field.args.filter((argument) => !paging.has(argument.name)).flatMap(slotsOf)
  const required = naming.filter((slot) => slot.path.length === 0 && isRequired(field, slot.argument))
  const optional = naming.filter((slot) => !required.includes(slot))
  const sets =
    required.length > 0
      ? [required, ...optional.map((slot) => [...required, slot])]
      : [[], ...optional.map((slot) => [slot])]
  return sets.map((slots) => probe(schema, operation, field, slots))
}

function probe(
  schema: GraphQLSchema,
  operation: string,
  field: GraphQLField<unknown, unknown>,
  slots: readonly Slot[],
): Probe {
  // A stream is told where it begins: what happens while it is being opened belongs to it.
  const begins = operation === 'subscription' ? 'after' : undefined
  const args = field.args.filter(
    (argument) =>
      argument.name === begins || isRequiredArgument(argument) || slots.some((slot) => slot.argument === argument.name),
  )
  const declared = args.map((argument) => `$${argument.name}: ${argument.type}`).join(', ')
  const passed = args.map((argument) => `${argument.name}: $${argument.name}`).join(', ')
  const type = getNamedType(field.type)
  const label = slots.map(({ argument, path }) => [argument, ...path].join('.')).join(', ')
  return {
    name: `${operation === 'query' ? 'Query' : 'Subscription'}.${field.name}${label === '' ? '' : `(${label})`}`,
    field: field.name,
    document: `${operation} Probe${declared === '' ? '' : `(${declared})`} { ${field.name}${passed === '' ? '' : `(${passed})`} ${selectionOf(schema, field.type, 4)} }`,
    slots,
    fixed: Object.fromEntries(
      args.flatMap((argument) =>
        slots.some((slot) => slot.argument === argument.name) ? [] : [[argument.name, sampleOf(argument.type)]],
      ),
    ),
    each: isAbstractType(type) ? schema.getPossibleTypes(type).map(({ name }) => name) : null,
  }
}

/** The variables of a probe. A slot takes the next of the ids, so that two arguments name two things. */
export function variablesOf(probe: Probe, ids: readonly string[], word: string): Record<string, unknown> {
  const variables: Record<string, unknown> = structuredClone(probe.fixed) as Record<string, unknown>
  let next = 0
  for (const slot of probe.slots) {
    const value = slot.kind === 'word' ? (words[slot.argument] ?? word) : ids[next++ % ids.length]
    place(variables, [slot.argument, ...slot.path], slot.list ? [value] : value)
  }
  return variables
}

/** Puts a value where a path leads, into the first item of a list on the way. */
export function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [head = '', ...rest] = path
  if (rest.length === 0) {
    target[head] = value
    return
  }
  const inner = target[head]
  if (Array.isArray(inner)) place(inner[0] as Record<string, unknown>, rest, value)
  else {
    const copy = { ...((inner as object | undefined) ?? {}) }
    target[head] = copy
    place(copy, rest, value)
  }
}

function slotsOf(argument: GraphQLArgument): Slot[] {
  return namingPaths(argument.type).map(({ path, kind, list }) => ({ argument: argument.name, path, kind, list }))
}

type Naming = Pick<Slot, 'path' | 'kind' | 'list'>

/** Where a type names something: ids at any depth, and words at the top (a search). */
export function namingPaths(type: GraphQLInputType, depth = 0): Naming[] {
  const named = getNamedType(type)
  const list = isListType(getNullableType(type))
  if (named.name === 'ID') return [{ path: [], kind: 'id', list }]
  if (named.name === 'String' && depth === 0) return [{ path: [], kind: 'word', list }]
  if (!isInputObjectType(named) || depth > 3) return []
  return Object.values(named.getFields()).flatMap((field) =>
    namingPaths(field.type, depth + 1).map((found) => ({ ...found, path: [field.name, ...found.path] })),
  )
}

function isRequired(field: GraphQLField<unknown, unknown>, argument: string): boolean {
  const found = field.args.find(({ name }) => name === argument)
  return found !== undefined && isRequiredArgument(found)
}

function sampleOf(type: GraphQLInputType): unknown {
  if (isListType(getNullableType(type))) return []
  const named: GraphQLNamedType = getNamedType(type)
  if (isEnumType(named)) return named.getValues()[0]?.name
  if (isInputObjectType(named)) {
    const required = Object.values(named.getFields()).filter((field) => isNonNullType(field.type))
    return Object.fromEntries(required.map((field) => [field.name, sampleOf(field.type)]))
  }
  const values: Record<string, unknown> = {
    Int: 10,
    Float: 0.5,
    Boolean: true,
    DateTime: '2030-01-01T00:00:00.000Z',
    String: 'x',
  }
  return values[named.name] ?? null
}

/** Everything that can be selected of a type without naming more, to a depth. */
export function selectionOf(schema: GraphQLSchema, type: GraphQLOutputType | GraphQLNamedType, depth: number): string {
  const named = getNamedType(type)
  if (isLeafType(named)) return ''
  if (isAbstractType(named)) {
    const fragments = schema.getPossibleTypes(named).map((possible) => {
      // Two types may have a field of one name and different types: each gets names of its own.
      const inner = fieldsOf(schema, possible, depth - 1, `${possible.name}_`)
      return `... on ${possible.name} { __typename ${inner} }`
    })
    return `{ __typename ${fragments.join(' ')} }`
  }
  return `{ __typename ${fieldsOf(schema, named, depth, '')} }`
}

function fieldsOf(schema: GraphQLSchema, type: GraphQLNamedType, depth: number, prefix: string): string {
  if (!isObjectType(type)) return ''
  return Object.values(type.getFields())
    .filter((field) => !field.args.some(isRequiredArgument) && !field.name.startsWith('_'))
    .flatMap((field) => {
      const named = getNamedType(field.type)
      const alias = prefix === '' ? '' : `${prefix}${field.name}: `
      if (isLeafType(named)) return [`${alias}${field.name}`]
      // Edges hold the nodes once more.
      if (field.name === 'edges') return ['edges { cursor }']
      return depth <= 1 ? [] : [`${alias}${field.name} ${selectionOf(schema, field.type, depth - 1)}`]
    })
    .join(' ')
}
