import { createHash } from 'node:crypto'
import {
  buildSchema,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  isScalarType,
  type ResponsePath,
} from 'graphql'
import { VirtualTime } from './virtual-time.ts'

const leaves = `name(text: String = "none", list: [Int!], input: In): String  count: Int  mustCount: Int!  ratio: Float
  flag: Boolean!  id: ID!  colour: Colour  colours: [Colour!]  any: Any  said: String`
const objects = `dot(n: Int): Dot  mustDot: Dot!  dots: [Dot!]  sparse: [Dot]!  grid: [[Dot!]]  thing: Thing
  things: [Thing!]!  named: Named`

/** A schema whose resolvers answer every way they can: at once or later, nothing, an error, or what is of no such type. */
const sdl = `
  enum Colour { RED GREEN }
  scalar Any
  input In { a: Int = 3  colour: Colour  words: [String] }
  interface Named { name(text: String = "none", list: [Int!], input: In): String  id: ID! }
  type Dot implements Named { ${leaves} ${objects} }
  type Box implements Named { ${leaves} ${objects}  size: Int! }
  union Thing = Dot | Box
  type Query { ${leaves} ${objects} }
  type Mutation { ${objects} }`

/** Fields that have no resolver: what their object holds is their answer. */
const held = new Set(['said', 'count', 'ratio'])

/**
 * @param seed decides how each place of the answer is resolved, the same for whoever executes.
 * @param time in which its promises come.
 * @param calls is told of each resolver that is called, with what it was given.
 */
export function erraticSchema(seed: number, time = new VirtualTime(), calls: string[] = []): GraphQLSchema {
  const schema = buildSchema(sdl)
  const chance = (key: string) => chanceOf(`${seed} ${key}`)
  const later = <T>(key: string, value: () => T) => time.after(chance(`${key}@`), value)
  const outcomeOf = (type: GraphQLOutputType, key: string): unknown => {
    const at = chance(key)
    if (at > 0.25) return settledOutcome(type, key)
    const promise = later(key, () => settledOutcome(type, `${key}~`))
    return at < 0.03 ? thenable(promise) : promise
  }
  const settledOutcome = (type: GraphQLOutputType, key: string): unknown => {
    const at = chance(`${key}?`)
    if (at < 0.02) throw new Error(`thrown at ${key}`)
    if (at < 0.03) return new Error(`answered at ${key}`)
    if (at < 0.05) return at < 0.04 ? null : undefined
    if (at < 0.06) return Object.create(null)
    return valueFor(type, key)
  }
  const valueFor = (type: GraphQLOutputType, key: string): unknown => {
    if (isNonNullType(type)) return valueFor(type.ofType, key)
    if (isListType(type)) return listOf(type.ofType, key)
    if (isScalarType(type)) return { Int: 7, Float: 1.5, Boolean: true, Any: { a: [1] } }[type.name] ?? key
    if (isEnumType(type)) return chance(key) < 0.9 ? 'RED' : 'BLUE'
    return objectOf(isObjectType(type) ? type.name : chance(`${key}!`) < 0.5 ? 'Dot' : 'Box', key)
  }
  const listOf = (item: GraphQLOutputType, key: string): unknown => {
    const items = Array.from({ length: Math.floor(chance(`${key}#`) * 4) }, (_, index) => {
      const at = `${key}[${index}]`
      // An item that throws while its list is made is the whole field's error.
      return chance(`${at}+`) < 0.2 ? later(at, () => settledOutcome(item, at)) : valueFor(item, at)
    })
    return chance(`${key}=`) < 0.2 ? new Set(items) : items
  }
  const objectOf = (typename: string, key: string) => ({
    __typename: chance(`${key}:`) < 0.03 ? 'Nobody' : typename,
    said: () => outcomeOf(schema.getType('String') as GraphQLOutputType, `${key}.said`),
    count: chance(`${key}.count`) < 0.1 ? 'many' : 3,
    get ratio() {
      return outcomeOf(schema.getType('Float') as GraphQLOutputType, `${key}.ratio`)
    },
  })
  for (const type of Object.values(schema.getTypeMap())) {
    if (!isObjectType(type) || type.name.startsWith('__')) continue
    for (const field of Object.values(type.getFields())) {
      if (held.has(field.name) && type !== schema.getQueryType()) continue
      field.resolve = (_source, args, context, info) => {
        calls.push(`${textOf(info.path)} ${JSON.stringify(args)} ${context} ${info.parentType} ${info.fieldName}`)
        return outcomeOf(field.type, textOf(info.path))
      }
    }
  }
  const named = schema.getType('Named') as { resolveType?: unknown }
  named.resolveType = ({ __typename }: { __typename?: string }, _: unknown, { path }: GraphQLResolveInfo) =>
    __typename === 'Box' ? later(`${textOf(path)}:`, () => __typename) : __typename
  return schema
}

/** A number of [0, 1) that is always the same for the same words. */
export function chanceOf(words: string): number {
  return createHash('sha1').update(words).digest().readUInt32BE() / 2 ** 32
}

/** No more of a promise than some libraries make. */
function thenable<T>(promise: Promise<T>): PromiseLike<T> {
  // biome-ignore lint/suspicious/noThenProperty: that is what makes it one
  return { then: (...callbacks) => promise.then(...callbacks) }
}

function textOf(path: ResponsePath | undefined): string {
  return path ? `${textOf(path.prev)}/${path.typename ?? ''}.${path.key}` : ''
}
