import fc from 'fast-check'
import {
  type GraphQLCompositeType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  isUnionType,
  type OperationTypeNode,
} from 'graphql'

/** A selection before it is known what it selects from: numbers choose among what the schema has there. */
export interface SelectionModel {
  readonly form: 'field' | 'field' | 'typename' | 'inline' | 'named'
  readonly pick: number
  /** An alias of its own, or one that is the name of another field there. */
  readonly alias: 'own' | number | undefined
  readonly argument: 'none' | 'literal' | 'variable'
  readonly literal: number
  readonly condition: 'none' | 'skip' | 'include' | 'never'
  readonly variable: number
  readonly below: readonly SelectionModel[]
}

export interface OperationModel {
  readonly selections: readonly SelectionModel[]
  readonly booleans: readonly boolean[]
  readonly x: number | null
  readonly isMutation: boolean
}

function selectionModel(depth: number): fc.Arbitrary<SelectionModel> {
  return fc.record({
    form: fc.constantFrom('field', 'field', 'field', 'field', 'field', 'field', 'typename', 'inline', 'named'),
    pick: fc.nat({ max: 30 }),
    alias: fc.oneof(
      { weight: 10, arbitrary: fc.constant(undefined) },
      { weight: 25, arbitrary: fc.constant('own' as const) },
      { weight: 1, arbitrary: fc.nat({ max: 30 }) },
    ),
    argument: fc.constantFrom('none', 'literal', 'variable'),
    literal: fc.nat({ max: 3 }),
    condition: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'skip', 'include', 'never'),
    variable: fc.nat({ max: 1 }),
    below: depth === 0 ? fc.constant([]) : fc.array(selectionModel(depth - 1), { minLength: 2, maxLength: 5 }),
  })
}

export const operationModel: fc.Arbitrary<OperationModel> = fc.record({
  selections: fc.array(selectionModel(4), { minLength: 1, maxLength: 3 }),
  booleans: fc.array(fc.boolean(), { minLength: 2, maxLength: 2 }),
  x: fc.option(fc.nat({ max: 3 }), { nil: null }),
  isMutation: fc.constantFrom(false, false, false, true),
})

export interface WrittenOperation {
  readonly query: string
  readonly variables: Record<string, unknown>
}

/** Writes the operation for a schema. It may still be invalid, where one alias means two things. */
export function writeOperation(schema: GraphQLSchema, model: OperationModel): WrittenOperation {
  const writer = new Writer(schema)
  const kind = model.isMutation && schema.getMutationType() ? 'mutation' : 'query'
  const root = schema.getRootType(kind as OperationTypeNode) as GraphQLCompositeType
  const body = writer.selections(model.selections, root)
  const text = [`${kind}($b0: Boolean!, $b1: Boolean!, $x: Int) ${body}`, ...writer.fragments].join('\n')
  const used = ['b0', 'b1', 'x'].filter((name) => new RegExp(`: \\$${name}\\b`).test(text))
  const types: Record<string, string> = { b0: 'Boolean!', b1: 'Boolean!', x: 'Int' }
  const header = used.length > 0 ? `${kind}(${used.map((name) => `$${name}: ${types[name]}`).join(', ')})` : kind
  const values: Record<string, unknown> = { b0: model.booleans[0], b1: model.booleans[1], x: model.x }
  return {
    query: text.replace(/^\w+\([^)]*\)/, header),
    variables: Object.fromEntries(used.map((name) => [name, values[name]])),
  }
}

class Writer {
  readonly fragments: string[] = []
  readonly #schema: GraphQLSchema

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  selections(models: readonly SelectionModel[], type: GraphQLCompositeType): string {
    const written = models.map((model) => this.#selection(model, type))
    return `{ ${written.length > 0 ? written.join(' ') : '__typename'} }`
  }

  #selection(model: SelectionModel, type: GraphQLCompositeType): string {
    if (model.form === 'inline' || model.form === 'named') return this.#fragment(model, type)
    const fields = isUnionType(type) ? [] : Object.values(type.getFields())
    const field = fields[model.pick % (fields.length || 1)]
    if (model.form === 'typename' || !field) {
      return `${model.alias === undefined ? '' : 'atypename: '}__typename${condition(model)}`
    }
    const below = getNamedType(field.type)
    const selections = isCompositeType(below) ? ` ${this.selections(model.below, below)}` : ''
    const given = field.args.length > 0 ? argument(model) : ''
    // An alias that tells the type, the field and its argument means one thing.
    const own = `a${type.name}${field.name}${given.replace(/\W+/g, '')}`
    const other = typeof model.alias === 'number' ? fields[model.alias % fields.length]?.name : own
    const alias = model.alias === undefined && given === '' ? '' : `${model.alias === undefined ? own : other}: `
    return `${alias}${field.name}${given}${condition(model)}${selections}`
  }

  #fragment(model: SelectionModel, type: GraphQLCompositeType): string {
    const on = this.#overlapping(type)
    const narrowed = on[model.pick % on.length] as GraphQLCompositeType
    const body = this.selections(model.below, narrowed)
    if (model.form === 'inline') {
      const header = model.literal === 0 && narrowed === type ? '...' : `... on ${narrowed.name}`
      return `${header}${condition(model)} ${body}`
    }
    const name = `F${this.fragments.length}`
    this.fragments.push(`fragment ${name} on ${narrowed.name} ${body}`)
    return `...${name}${condition(model)}`
  }

  /** Types that a fragment may be on here. */
  #overlapping(type: GraphQLCompositeType): GraphQLCompositeType[] {
    if (isObjectType(type)) return [type, ...type.getInterfaces()]
    const possible = this.#schema.getPossibleTypes(type)
    const abstract = Object.values(this.#schema.getTypeMap()).filter(
      (other) =>
        isAbstractType(other) &&
        other !== type &&
        this.#schema.getPossibleTypes(other).some((o) => possible.includes(o)),
    ) as GraphQLCompositeType[]
    return [type, ...possible, ...abstract.filter((other) => isInterfaceType(other) || isUnionType(other))]
  }
}

function condition({ condition, variable, literal }: SelectionModel): string {
  if (condition === 'none') return ''
  if (condition === 'never') return literal % 2 === 0 ? ' @include(if: false)' : ' @skip(if: true)'
  return ` @${condition}(if: $b${variable})`
}

function argument({ argument, literal }: SelectionModel): string {
  if (argument === 'none') return ''
  return argument === 'literal' ? `(x: ${literal})` : '(x: $x)'
}
