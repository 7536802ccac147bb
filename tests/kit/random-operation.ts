import {
  type GraphQLNamedType,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
} from 'graphql'

/** Made by chance from a schema: fragments, aliases, conditions, arguments with and without variables. */
export interface RandomOperation {
  readonly text: string
  readonly variables: Record<string, unknown>
}

/** @param chance answers numbers of [0, 1), in whose order the operation is made. */
export function randomOperation(
  schema: GraphQLSchema,
  kind: 'query' | 'mutation',
  chance: () => number,
): RandomOperation {
  const pick = <T>(from: readonly T[]): T => from[Math.floor(chance() * from.length)] as T
  const condition = () =>
    chance() < 0.12 ? ` @${pick(['skip', 'include'])}(if: ${pick(['true', 'false', '$yes', '$no'])})` : ''
  const selectionOf = (type: GraphQLNamedType, depth: number): string => {
    const parts = Array.from({ length: 1 + Math.floor(chance() * 5) }, () => partOf(type, depth))
    return `{ __typename ${parts.join(' ')} }`
  }
  const partOf = (type: GraphQLNamedType, depth: number): string => {
    const at = chance()
    if (depth > 0 && (isAbstractType(type) ? at < 0.5 : at < 0.12)) {
      const narrower = isAbstractType(type) ? pick([type, ...schema.getPossibleTypes(type)]) : type
      const on = chance() < 0.8 || narrower !== type ? ` on ${narrower.name}` : ''
      return `...${on}${condition()} ${selectionOf(narrower, depth - 1)}`
    }
    if (at > 0.9 && isObjectType(type) && type.name === 'Dot') return `...${pick(['Shared', 'Wide'])}${condition()}`
    return fieldOf(type, depth)
  }
  const fieldOf = (type: GraphQLNamedType, depth: number): string => {
    if (!isObjectType(type) && !isInterfaceType(type)) return '__typename'
    const fields = Object.values(type.getFields()).filter(
      (field) => depth > 0 || !isCompositeType(getNamedType(field.type)),
    )
    if (fields.length === 0) return '__typename'
    const field = pick(fields)
    const given = argumentsOf(field.name)
    // The same arguments have the same alias, so that fields merge.
    const alias = given.alias || (chance() < 0.1 ? `${field.name}Too: ` : '')
    return `${alias}${field.name}${given.text}${condition()}${below(field.type, depth)}`
  }
  const below = (type: GraphQLOutputType, depth: number) => {
    const named = getNamedType(type)
    return isCompositeType(named) ? ` ${selectionOf(named, depth - 1)}` : ''
  }
  const argumentsOf = (name: string): { alias: string; text: string } => {
    if (name !== 'name' || chance() < 0.4) return { alias: '', text: '' }
    const index = Math.floor(chance() * given.length)
    return { alias: `name${index}: `, text: given[index] as string }
  }
  const root = kind === 'query' ? schema.getQueryType() : schema.getMutationType()
  const selection = selectionOf(root as GraphQLNamedType, 5)
  const text = `${kind} ($yes: Boolean!, $no: Boolean = false, $text: String, $n: Int!, $in: In) ${selection}
    fragment Shared on Named { id name3: name(text: $text) }
    fragment Wide on Dot { count ...Shared mustDot { id } used: name(text: $text, list: [$n], input: $in) @include(if: $yes) kept: count @skip(if: $no) }`
  const variables = {
    yes: chance() < 0.5,
    n: 3,
    ...(chance() < 0.5 ? { no: chance() < 0.5 } : {}),
    ...(chance() < 0.6 ? { text: pick(['some', null]) } : {}),
    ...(chance() < 0.6 ? { in: pick([{ words: ['a', null] }, { a: null, colour: 'RED' }]) } : {}),
  }
  return { text, variables }
}

const given = [
  '(text: "other")',
  '(list: [1, 2], input: { colour: GREEN })',
  '(list: [1, $n], input: { a: $n, words: [$text] })',
  '(text: $text)',
  '(input: $in)',
]
