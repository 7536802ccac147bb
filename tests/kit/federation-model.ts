import fc from 'fast-check'
import { GraphQLError, type GraphQLFieldResolver } from 'graphql'
import type { Resolvers, SubgraphFixture } from './federation.ts'

/**
 * A made up graph: its types, which subgraph answers which field, and data that is a function of type, id, field and
 * arguments. Because every subgraph and the single schema draw on the same function, whatever they answer differently
 * is the gateway's doing.
 */
export interface GraphModel {
  readonly subgraphs: number
  readonly entities: readonly EntityModel[]
  readonly roots: readonly FieldModel[]
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
  nonNull: fc.boolean(),
  itemNonNull: fc.boolean(),
  owner: small,
  also: seldom,
  argument: fc.boolean(),
  requires: maybe,
  overrides: seldom,
  provides: maybe,
})

export const graphModel: fc.Arbitrary<GraphModel> = fc.record({
  subgraphs: fc.integer({ min: 2, max: 4 }),
  entities: fc.array(
    fc.record({
      fields: fc.array(fieldModel, { minLength: 2, maxLength: 7 }),
      keys: fc.array(fc.constantFrom('id' as const, 'both' as const, 'code' as const), { minLength: 4, maxLength: 4 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
  roots: fc.array(fieldModel, { minLength: 1, maxLength: 4 }),
  members: fc.array(small, { minLength: 1, maxLength: 3 }),
  seed: fc.nat(),
  nulls: fc.constantFrom(0, 10, 30),
  failures: fc.constantFrom(0, 0, 10, 30),
  unknown: fc.constantFrom(0, 0, 15),
})

/** Everything that a model means, worked out. */
export class Graph {
  readonly model: GraphModel

  constructor(model: GraphModel) {
    this.model = model
  }

  subgraphs(): Record<string, SubgraphFixture> {
    const fixtures: Record<string, SubgraphFixture> = {}
    for (let subgraph = 0; subgraph < this.model.subgraphs; subgraph++) {
      fixtures[`s${subgraph}`] = { sdl: this.#sdl(subgraph), resolvers: this.#resolvers(subgraph) }
    }
    return fixtures
  }

  /** Resolves the graph as one schema, without subgraphs. */
  readonly wholeResolver: GraphQLFieldResolver<Source, unknown> = (
    source,
    args,
    _context,
    { parentType, fieldName },
  ) => {
    if (parentType.name === 'Flat' || ['id', 'code', 'sort'].includes(fieldName)) return source?.[fieldName]
    const type = parentType.name
    const field = this.fieldNamed(type, fieldName)
    const id = source?.id ?? ''
    if (type !== 'Query' && this.isUnknown(type, id, this.owners(field)[0] as number)) return null
    return this.value(type, id, fieldName, field, args, (required) => this.raw(type, id, required))
  }

  /** The usable value of a required field: a failure is as good as null to whoever requires it. */
  raw(type: string, id: string, fieldName: string): unknown {
    const field = this.fieldNamed(type, fieldName)
    if (this.isUnknown(type, id, this.owners(field)[0] as number)) return null
    const value = this.value(type, id, fieldName, field, {}, () => null)
    return value instanceof Error ? null : value
  }

  fieldsOf(type: string): readonly (readonly [string, FieldModel])[] {
    const fields = type === 'Query' ? this.model.roots : (this.model.entities[Number(type.slice(1))]?.fields ?? [])
    return fields.map((field, index) => [`${type === 'Query' ? 'q' : 'f'}${index}`, field] as const)
  }

  fieldNamed(type: string, name: string): FieldModel {
    return this.fieldsOf(type).find(([other]) => other === name)?.[1] as FieldModel
  }

  /** Whether a subgraph lacks an entity. One that turns a key into another has them all, or none could follow. */
  isUnknown(type: string, id: string, subgraph: number): boolean {
    if (this.#keysOf(Number(type.slice(1)), subgraph).length > 1) return false
    return this.#hash(type, id, 'unknown', subgraph) % 100 < this.model.unknown
  }

  value(
    type: string,
    id: string,
    name: string,
    field: FieldModel,
    args: Record<string, unknown>,
    require: (field: string) => unknown,
  ): unknown {
    const required = this.requiredOf(type, field)
    const basis = required === undefined ? '' : JSON.stringify(require(required) ?? null)
    return this.#draw(field, this.isPlainField(type, name) ? 0 : field.lists, type, id, name, args.x ?? '', basis)
  }

  /** Fields that others require are plain: nullable scalars without arguments, which need nothing themselves. */
  isPlainField(type: string, name: string): boolean {
    return this.fieldsOf(type).some(([, other]) => this.requiredOf(type, other) === name)
  }

  requiredOf(type: string, field: FieldModel): string | undefined {
    if (type === 'Query' || field.requires === undefined) return undefined
    const owner = this.owners(field)[0] as number
    const usable = this.fieldsOf(type).filter(
      ([, other]) =>
        other.kind === 'Int' &&
        other.requires === undefined &&
        other.overrides === undefined &&
        !this.owners(other).includes(owner),
    )
    return usable[field.requires % usable.length]?.[0]
  }

  /**
   * The subgraphs that answer a field. One that leads to several types has one: the planner knows no way from a shared
   * field to types that each sharer follows by another key.
   */
  owners(field: FieldModel): number[] {
    const owner = field.owner % this.model.subgraphs
    const isAlone = field.requires !== undefined || field.kind === 'Node' || field.kind === 'Any'
    const also = field.also === undefined || isAlone ? owner : field.also % this.model.subgraphs
    return owner === also ? [owner] : [owner, also]
  }

  #hash(...parts: readonly unknown[]): number {
    let hash = this.model.seed ^ 0x811c9dc5
    for (const char of parts.join('|')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
    hash ^= hash >>> 15
    return Math.imul(hash, 0x2c1b3c6d) >>> 1
  }

  #draw(field: FieldModel, lists: number, ...at: readonly unknown[]): unknown {
    const chance = this.#hash(...at, 'chance') % 100
    if (chance < this.model.nulls) return null
    if (chance < this.model.nulls + this.model.failures) return new GraphQLError(`failed ${at.join(' ')}`)
    const hash = this.#hash(...at)
    if (lists > 0) {
      return Array.from({ length: hash % 4 }, (_, index) => this.#draw(field, lists - 1, ...at, index))
    }
    const id = String((hash >>> 3) % 3)
    switch (field.kind) {
      case 'Int':
        return hash % 1000
      case 'String':
        return strings[hash % strings.length]
      case 'Choice':
        return ['RED', 'GREEN', 'BLUE'][hash % 3]
      case 'Flat':
        return { __typename: 'Flat', a: hash % 10, b: strings[hash % strings.length], c: id === '0' ? null : hash % 7 }
      case 'Entity':
        return entity(field.target % this.model.entities.length, id)
      default: {
        const members = this.#members()
        return entity(members[(hash >>> 5) % members.length] as number, id)
      }
    }
  }

  #members(): number[] {
    return [...new Set(this.model.members.map((member) => member % this.model.entities.length))].sort()
  }

  #sdl(subgraph: number): string {
    const types = this.model.entities.map((_, index) => this.#entitySdl(index, subgraph))
    const queries = this.fieldsOf('Query')
      .filter(([, field]) => this.owners(field).includes(subgraph))
      .map(([name, field]) => `  ${this.#fieldSdl('Query', name, field, subgraph)}`)
    const members = this.#members().map((member) => `E${member}`)
    return [
      queries.length > 0 ? `type Query {\n${queries.join('\n')}\n}` : '',
      ...types,
      'enum Choice { RED GREEN BLUE }',
      'type Flat @shareable { a: Int! b: String c: Int }',
      `interface Node { ${this.#nodeKeys(subgraph).join(' ')} }`,
      `union Any = ${members.join(' | ')}`,
    ].join('\n')
  }

  #nodeKeys(subgraph: number): string[] {
    const keys = this.#members().map((member) => this.#keysOf(member, subgraph))
    const shared = ['id', 'code'].filter((key) => keys.every((own) => own.includes(key)))
    return shared.length > 0 ? shared.map((key) => `${key}: ID!`) : ['sort: Int']
  }

  /**
   * The keys of an entity in a subgraph. Where fields require others, every subgraph has `id`: the planner finds no way
   * to what is required over a second key.
   */
  #keysOf(index: number, subgraph: number): string[] {
    const requires = this.fieldsOf(`E${index}`).some(([, field]) => this.requiredOf(`E${index}`, field) !== undefined)
    const given = this.model.entities[index]?.keys[subgraph] ?? 'id'
    const key = given === 'code' && requires ? 'id' : given
    return key === 'both' ? ['id', 'code'] : [key]
  }

  #entitySdl(index: number, subgraph: number): string {
    const type = `E${index}`
    const keys = this.#keysOf(index, subgraph)
    const lines = keys.map((key) => `  ${key}: ID!`)
    const needsSort = this.#members().includes(index)
    if (needsSort && this.#nodeKeys(subgraph)[0] === 'sort: Int') lines.push('  sort: Int @shareable')
    for (const [name, field] of this.fieldsOf(type)) {
      if (this.owners(field).includes(subgraph)) lines.push(`  ${this.#fieldSdl(type, name, field, subgraph)}`)
      else if (this.overridden(type, field) === subgraph) lines.push(`  ${name}${this.#signature(type, name, field)}`)
      else if (this.#isExternal(type, name, subgraph)) {
        lines.push(`  ${name}${this.#signature(type, name, field)} @external`)
      }
    }
    const implemented = needsSort ? ' implements Node' : ''
    const uses = keys.map((key) => `@key(fields: "${key}")`).join(' ')
    return `type ${type}${implemented} ${uses} {\n${lines.join('\n')}\n}`
  }

  #fieldSdl(type: string, name: string, field: FieldModel, subgraph: number): string {
    const required = this.requiredOf(type, field)
    const overridden = this.overridden(type, field)
    const provided = this.providedBy(field)
    return [
      `${name}${this.#signature(type, name, field)}`,
      this.owners(field).length > 1 ? '@shareable' : '',
      required === undefined ? '' : `@requires(fields: "${required}")`,
      overridden === undefined || this.owners(field)[0] !== subgraph ? '' : `@override(from: "s${overridden}")`,
      provided === undefined ? '' : `@provides(fields: "${provided}")`,
    ].join(' ')
  }

  #signature(type: string, name: string, field: FieldModel): string {
    if (this.isPlainField(type, name)) return `: ${this.#typeName(field)}`
    let text = this.#typeName(field)
    for (let i = 0; i < field.lists; i++) text = `[${text}${field.itemNonNull ? '!' : ''}]`
    return `${field.argument ? '(x: Int)' : ''}: ${text}${field.nonNull ? '!' : ''}`
  }

  #typeName({ kind, target }: FieldModel): string {
    return kind === 'Entity' ? `E${target % this.model.entities.length}` : kind
  }

  overridden(type: string, field: FieldModel): number | undefined {
    const owners = this.owners(field)
    if (type === 'Query' || field.overrides === undefined || owners.length > 1) return undefined
    if (field.requires !== undefined) return undefined
    const from = field.overrides % this.model.subgraphs
    return from === owners[0] ? undefined : from
  }

  /** The field of its target that a field's owner resolves along with it. */
  providedBy(field: FieldModel): string | undefined {
    const [owner, ...others] = this.owners(field)
    if (field.provides === undefined || field.kind !== 'Entity' || others.length > 0) return undefined
    if (field.requires !== undefined) return undefined
    const type = `E${field.target % this.model.entities.length}`
    const usable = this.fieldsOf(type).filter(
      ([, { kind, requires, overrides, argument }]) =>
        (kind === 'Int' || kind === 'String') && requires === undefined && overrides === undefined && !argument,
    )
    const provided = usable[field.provides % usable.length]
    return provided && !this.owners(provided[1]).includes(owner as number) ? provided[0] : undefined
  }

  #isExternal(type: string, name: string, subgraph: number): boolean {
    const isRequired = this.fieldsOf(type).some(
      ([, field]) => this.requiredOf(type, field) === name && this.owners(field)[0] === subgraph,
    )
    return isRequired || this.#isProvided(type, name, subgraph)
  }

  #isProvided(type: string, name: string, subgraph: number): boolean {
    const everywhere = ['Query', ...this.model.entities.map((_, index) => `E${index}`)]
    return everywhere.some((other) =>
      this.fieldsOf(other).some(
        ([, field]) =>
          this.owners(field)[0] === subgraph &&
          this.providedBy(field) === name &&
          `E${field.target % this.model.entities.length}` === type,
      ),
    )
  }

  #resolvers(subgraph: number): Resolvers {
    const resolvers: Resolvers = {}
    for (const type of ['Query', ...this.model.entities.map((_, index) => `E${index}`)]) {
      resolvers[type] = this.#typeResolvers(type, subgraph)
    }
    return resolvers
  }

  #typeResolvers(type: string, subgraph: number): Resolvers {
    const resolvers: Resolvers = {}
    for (const [name, field] of this.fieldsOf(type)) {
      const isOwn = this.owners(field).includes(subgraph)
      if (isOwn || this.#isProvided(type, name, subgraph)) {
        resolvers[name] = (source: Source, args: Record<string, unknown>) => {
          const id = source?.id ?? ''
          if (type !== 'Query' && this.isUnknown(type, id, this.owners(field)[0] as number)) return null
          return this.value(type, id, name, field, args, (required) => source?.[required])
        }
      } else if (this.overridden(type, field) === subgraph) {
        resolvers[name] = () => new GraphQLError('An overridden field was asked for.')
      }
    }
    if (type !== 'Query') {
      resolvers.__resolveReference = (reference: Source) => {
        const id = reference?.id ?? reference?.code?.slice(1) ?? ''
        return this.#isUnknownTo(type, id, subgraph) ? null : { ...reference, ...entity(Number(type.slice(1)), id) }
      }
    }
    return resolvers
  }

  /** A subgraph answers no entity only where it would have answered none of its fields. */
  #isUnknownTo(type: string, id: string, subgraph: number): boolean {
    const shared = this.fieldsOf(type).some(([, field]) => this.owners(field).indexOf(subgraph) > 0)
    return !shared && this.isUnknown(type, id, subgraph)
  }
}

type Source = { readonly id?: string; readonly code?: string; readonly [key: string]: unknown } | undefined

function entity(index: number, id: string): Source {
  return { __typename: `E${index}`, id, code: `c${id}` }
}

const strings = [
  '',
  'plain',
  'a "quoted" word',
  'new\nline',
  'back\\slash',
  'Zürich',
  '😀',
  '\u2028',
  '__typename',
  'a long "quoted" line\twith a tab in it',
]
