import { GraphQLScalarType, Kind, type ValueNode } from 'graphql'
import { codedError } from '../lib/errors.ts'

const dateTimePattern = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

/** RFC 3339 date-times; an offset is taken and turned into UTC. */
const dateTime = new GraphQLScalarType<Date, string>({
  name: 'DateTime',
  serialize: (value) => (value instanceof Date ? value.toISOString() : new Date(String(value)).toISOString()),
  parseValue: parseDateTime,
  parseLiteral: (node) => parseDateTime(node.kind === Kind.STRING ? node.value : null),
})

const json = new GraphQLScalarType({
  name: 'JSON',
  serialize: (value) => value,
  parseValue: (value) => value,
  parseLiteral: readJson,
})

const cursor = new GraphQLScalarType<string, string>({
  name: 'Cursor',
  serialize: String,
  parseValue: (value) => requireText(value, 'Cursor'),
  parseLiteral: (node) => requireText(node.kind === Kind.STRING ? node.value : null, 'Cursor'),
})

/** Resolvers that every room has. */
export const sharedResolvers = {
  DateTime: dateTime,
  JSON: json,
  Cursor: cursor,
  Node: { __resolveType: (node: { __typename: string }) => node.__typename },
  Problem: { __resolveType: (problem: { __typename: string }) => problem.__typename },
}

function parseDateTime(value: unknown): Date {
  const date = typeof value === 'string' && dateTimePattern.test(value) ? new Date(value) : null
  if (date === null || Number.isNaN(date.getTime())) {
    throw codedError('BAD_USER_INPUT', 'A DateTime is like `2026-05-15T15:00:00.000Z`.')
  }
  return date
}

function requireText(value: unknown, type: string): string {
  if (typeof value !== 'string') throw codedError('BAD_USER_INPUT', `A ${type} is a string.`)
  return value
}

function readJson(node: ValueNode, variables?: Record<string, unknown> | null): unknown {
  switch (node.kind) {
    case Kind.NULL:
      return null
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value)
    case Kind.LIST:
      return node.values.map((item) => readJson(item, variables))
    case Kind.OBJECT:
      // No prototype: a key named `__proto__` is data like any other.
      return Object.assign(
        Object.create(null),
        Object.fromEntries(node.fields.map((field) => [field.name.value, readJson(field.value, variables)])),
      )
    case Kind.VARIABLE:
      return variables?.[node.name.value] ?? null
    default:
      return node.value
  }
}
