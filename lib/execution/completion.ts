import {
  type GraphQLAbstractType,
  GraphQLBoolean,
  GraphQLEnumType,
  GraphQLFloat,
  GraphQLID,
  GraphQLInt,
  type GraphQLLeafType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  GraphQLString,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql'

/** How a value of a type becomes part of an answer (GraphQL specification, §6.4.3). */
export type Completion = LeafCompletion | ListCompletion | ObjectCompletion | AbstractCompletion

interface Nullable {
  readonly nullable: boolean
}

export interface LeafCompletion extends Nullable {
  readonly kind: 'leaf'
  readonly type: GraphQLLeafType
  readonly serialize: (value: unknown) => unknown
}

export interface ListCompletion extends Nullable {
  readonly kind: 'list'
  readonly item: Completion
}

export interface ObjectCompletion extends Nullable {
  readonly kind: 'object'
  readonly type: GraphQLObjectType
}

export interface AbstractCompletion extends Nullable {
  readonly kind: 'abstract'
  readonly type: GraphQLAbstractType
}

/** One for each type of a schema, however many operations ask for it. */
const known = new WeakMap<GraphQLOutputType, Completion>()

export function completionOf(type: GraphQLOutputType): Completion {
  let completion = known.get(type)
  if (!completion) {
    completion = makeCompletion(type)
    known.set(type, completion)
  }
  return completion
}

function makeCompletion(type: GraphQLOutputType, nullable = true): Completion {
  if (isNonNullType(type)) return makeCompletion(type.ofType, false)
  if (isListType(type)) return { kind: 'list', nullable, item: completionOf(type.ofType) }
  if (isLeafType(type)) return { kind: 'leaf', nullable, type, serialize: serializerOf(type) }
  if (isAbstractType(type)) return { kind: 'abstract', nullable, type }
  return { kind: 'object', nullable, type }
}

/** What a leaf's own `serialize` answers, without asking it about values that are plainly right already. */
function serializerOf(type: GraphQLLeafType): (value: unknown) => unknown {
  const serialize = (value: unknown) => type.serialize(value)
  if (type === GraphQLString || type === GraphQLID)
    return (value) => (typeof value === 'string' ? value : serialize(value))
  if (type === GraphQLBoolean) return (value) => (typeof value === 'boolean' ? value : serialize(value))
  if (type === GraphQLFloat) return (value) => (Number.isFinite(value) ? value : serialize(value))
  // What stays itself is a whole number of 32 bits.
  if (type === GraphQLInt)
    return (value) => (typeof value === 'number' && (value | 0) === value ? value : serialize(value))
  return type instanceof GraphQLEnumType ? enumSerializer(type) : serialize
}

function enumSerializer(type: GraphQLEnumType): (value: unknown) => unknown {
  const names = new Map<unknown, string>(type.getValues().map(({ name, value }) => [value, name]))
  return (value) => names.get(value) ?? type.serialize(value)
}

/** @throws Error where the value is none of the type. */
export function serialized({ type, serialize }: LeafCompletion, value: unknown): unknown {
  const text = serialize(value)
  if (text === null || text === undefined) throw new Error(`A value of ${type.name} was serialized to nothing.`)
  return text
}
