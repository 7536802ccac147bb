import fc from 'fast-check'

/**
 * A made up graph: its types, which subgraph answers which field, and data that is a function of type, id, field and
 * arguments. Because every subgraph and the single schema draw on the same function, whatever they answer differently
 * is the gateway's doing.
 */
export interface GraphModel {
  readonly subgraphs: number
  readonly entities: readonly EntityModel[]
  readonly roots: readonly FieldModel[]
  /** The entity that each field of Mutation gives, by number; its subgraph is of the same number. */
  readonly acts: readonly number[]
  /** Whether there is an interface that one subgraph extends as an object. */
  readonly hasThings: boolean
  /** Types of the union and of the interface, by number. */
  readonly members: readonly number[]
  readonly seed: number
  /** Of a hundred values, how many are null, and how many fail. */
  readonly nulls: number
  readonly failures: number
  /** Of a hundred entities, how many a subgraph does not know. */
  readonly unknown: number
}

export interface EntityModel {
  readonly fields: readonly FieldModel[]
  /** The keys of each subgraph: by `id`, by `code`, or by either. */
  readonly keys: readonly ('id' | 'code' | 'both')[]
  /** What the key by `id` has beside it: nothing, another field, or an object's field. */
  readonly form: 'plain' | 'compound' | 'nested'
}

export interface FieldModel {
  readonly kind: 'Int' | 'String' | 'Choice' | 'Flat' | 'Entity' | 'Node' | 'Any'
  readonly target: number
  readonly lists: number
  readonly nonNull: boolean
  readonly itemNonNull: boolean
  readonly owner: number
  readonly also: number | undefined
  readonly argument: boolean
  /** A field of the same type that it is computed from. */
  readonly requires: number | undefined
  /** The argument that the required field is given, when it takes one. */
  readonly requiresWith: number
  readonly isHidden: boolean
  /** Whether it is overridden for a share of the requests only. */
  readonly isProgressive: boolean
  readonly overrides: number | undefined
  /** A field of the target that the owner gives along. */
  readonly provides: number | undefined
}

const small = fc.nat({ max: 7 })
const none = fc.constant(undefined)
const maybe = fc.oneof({ weight: 2, arbitrary: none }, { weight: 1, arbitrary: small })
const seldom = fc.oneof({ weight: 4, arbitrary: none }, { weight: 1, arbitrary: small })

const fieldModel: fc.Arbitrary<FieldModel> = fc.record({
  kind: fc.constantFrom('Int', 'Int', 'Int', 'String', 'Choice', 'Flat', 'Entity', 'Entity', 'Entity', 'Node', 'Any'),
  target: small,
  lists: fc.constantFrom(0, 0, 1, 1, 2),
  nonNull: fc.constantFrom(false, false, true),
  itemNonNull: fc.boolean(),
  owner: small,
  also: seldom,
  argument: fc.boolean(),
  requires: fc.option(small, { nil: undefined, freq: 2 }),
  requiresWith: fc.nat({ max: 3 }),
  isHidden: fc.constantFrom(false, false, false, false, true),
  isProgressive: fc.boolean(),
  overrides: seldom,
  provides: maybe,
})

const rootModel = fc
  .record({ field: fieldModel, kind: fc.constantFrom('Entity', 'Entity', 'Entity', 'Node', 'Any', 'Flat') })
  .map(({ field, kind }): FieldModel => ({ ...field, kind: kind as FieldModel['kind'], lists: field.lists % 2 }))

export const graphModel: fc.Arbitrary<GraphModel> = fc.record({
  subgraphs: fc.integer({ min: 2, max: 4 }),
  entities: fc.array(
    fc.record({
      fields: fc.array(fieldModel, { minLength: 2, maxLength: 7 }),
      keys: fc.array(fc.constantFrom('id' as const, 'both' as const, 'code' as const), { minLength: 4, maxLength: 4 }),
      form: fc.constantFrom('plain' as const, 'compound' as const, 'nested' as const),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  roots: fc.array(rootModel, { minLength: 1, maxLength: 4 }),
  acts: fc.array(small, { maxLength: 3 }),
  hasThings: fc.constantFrom(false, false, false, true),
  members: fc.array(small, { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  nulls: fc.constantFrom(0, 10, 30),
  failures: fc.constantFrom(0, 0, 10, 30),
  unknown: fc.constantFrom(0, 0, 15),
})
