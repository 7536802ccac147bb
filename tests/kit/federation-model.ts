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

/** Everything that a model means, worked out. */
export class Graph {
  readonly model: GraphModel
  /** Features that values of the current operation came by, as one schema resolved them. */
  readonly touched = new Set<string>()
  /** How many fields of Mutation were resolved. */
  #acts = 0

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
    const type = parentType.name
    if (type === 'Flat' || type === 'Part' || keyNames.includes(fieldName)) return source?.[fieldName]
    if (type === 'Mutation') return this.#act(fieldName)
    if (/^(things|T)/.test(fieldName)) return this.#thing(source?.id ?? '', fieldName)
    const field = this.fieldNamed(type, fieldName)
    const id = source?.id ?? ''
    this.#touch(type, field)
    if (type !== 'Query' && this.isUnknown(type, id, this.owners(field)[0] as number)) return null
    return this.value(type, id, fieldName, field, args, (required, given) => this.raw(type, id, required, given))
  }

  /** Begins an operation. */
  begin(): void {
    this.#acts = 0
  }

  /** The usable value of a required field: a failure is as good as null to whoever requires it. */
  raw(type: string, id: string, fieldName: string, args: Record<string, unknown>): unknown {
    const field = this.fieldNamed(type, fieldName)
    if (this.isUnknown(type, id, this.owners(field)[0] as number)) return null
    const value = this.value(type, id, fieldName, field, args, (required, given) => this.raw(type, id, required, given))
    return value instanceof Error ? null : value
  }

  #act(fieldName: string): unknown {
    this.touched.add('mutations')
    const index = (this.model.acts[Number(fieldName.slice(1))] as number) % this.model.entities.length
    return this.entity(index, String(this.#acts++ % 3))
  }

  /** Things are of two types, by their ids; `T…` fields are those of the interface as an object. */
  #thing(id: string, fieldName: string): unknown {
    this.touched.add('@interfaceObject')
    if (fieldName.startsWith('things')) return ['0', '1', '2'].map((each) => thing(each))
    return this.#draw({ ...plainField, kind: fieldName === 'T1' ? 'String' : 'Int' }, 0, 'Thing', id, fieldName)
  }

  #touch(type: string, field: FieldModel): void {
    const required = this.requiredOf(type, field)
    const add = (what: string, isSo: boolean) => {
      if (isSo) this.touched.add(what)
    }
    add('@requires', required !== undefined)
    if (required !== undefined) {
      const inner = this.fieldNamed(type, required)
      add('@requires with arguments', inner.argument)
      add('@requires of what requires', this.requiredOf(type, inner) !== undefined)
      add('@requires of what is hidden', inner.isHidden)
    }
    const isOverriding = this.overridden(type, field) !== undefined
    add('@override', isOverriding && !field.isProgressive)
    add('@override, progressive', isOverriding && field.isProgressive)
    add('@shareable', this.owners(field).length > 1)
    add('@provides', this.providedBy(field) !== undefined)
    add('interfaces', field.kind === 'Node')
    add('unions', field.kind === 'Any')
    add('lists of lists', field.lists === 2)
    if (type === 'Query') return
    const entity = this.model.entities[Number(type.slice(1))] as EntityModel
    add(`@key, ${entity.form}`, true)
    add('@key, several', new Set(entity.keys.slice(0, this.model.subgraphs)).size > 1)
    add(
      '@inaccessible',
      entity.fields.some(({ isHidden }) => isHidden),
    )
  }

  /** An entity as its subgraphs know it. */
  entity(index: number, id: string): Source {
    return { __typename: `E${index}`, id, code: `c${id}`, half: `h${id}`, part: { n: Number(id) } }
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
    require: (field: string, args: Record<string, unknown>) => unknown,
  ): unknown {
    const required = this.requiredOf(type, field)
    const given = required !== undefined && this.fieldNamed(type, required).argument ? { x: field.requiresWith } : {}
    const basis = required === undefined ? '' : JSON.stringify(require(required, given) ?? null)
    return this.#draw(field, this.isPlainField(type, name) ? 0 : field.lists, type, id, name, args.x ?? '', basis)
  }

  /** Fields that others require are plain: nullable scalars. */
  isPlainField(type: string, name: string): boolean {
    return this.fieldsOf(type).some(([, other]) => this.requiredOf(type, other) === name)
  }

  requiredOf(type: string, field: FieldModel): string | undefined {
    if (type === 'Query' || field.requires === undefined) return undefined
    const owner = this.owners(field)[0] as number
    const fields = this.fieldsOf(type)
    const own = fields.findIndex(([, other]) => other === field)
    const usable = fields.filter(
      ([, other], index) =>
        other.kind === 'Int' &&
        // In this order no two require one another.
        (other.requires === undefined || index < own) &&
        other.overrides === undefined &&
        !this.owners(other).includes(owner),
    )
    return usable[field.requires % usable.length]?.[0]
  }

  /** The subgraphs that answer a field. */
  owners(field: FieldModel): number[] {
    const owner = field.owner % this.model.subgraphs
    const also = field.also === undefined || field.requires !== undefined ? owner : field.also % this.model.subgraphs
    return owner === also ? [owner] : [owner, also]
  }

  #hash(...parts: readonly unknown[]): number {
    let hash = this.model.seed ^ 0x811c9dc5
    for (const char of parts.join('|')) hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193)
    hash ^= hash >>> 15
    return Math.imul(hash, 0x2c1b3c6d) >>> 1
  }

  #draw(field: FieldModel, lists: number, ...at: readonly unknown[]): unknown {
    // What fails at the root hides all that is below.
    const chance = this.#hash(...at, 'chance') % (at[0] === 'Query' ? 300 : 100)
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
        return this.entity(field.target % this.model.entities.length, id)
      default: {
        const members = this.#members()
        return this.entity(members[(hash >>> 5) % members.length] as number, id)
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
      this.#mutationSdl(subgraph),
      this.#thingSdl(subgraph),
      ...types,
      'enum Choice { RED GREEN BLUE }',
      'type Part @shareable { n: Int! }',
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

  #mutationSdl(subgraph: number): string {
    const own = this.model.acts.flatMap((target, index) =>
      index % this.model.subgraphs === subgraph ? [`m${index}: E${target % this.model.entities.length}`] : [],
    )
    return own.length > 0 ? `type Mutation { ${own.join(' ')} }` : ''
  }

  /** The interface is the first subgraph's; the last one has it as an object. */
  #thingSdl(subgraph: number): string {
    if (!this.model.hasThings) return ''
    if (subgraph === 0) {
      return `
        extend type Query { things0: [Thing!] }
        interface Thing @key(fields: "id") { id: ID! }
        type T0 implements Thing @key(fields: "id") { id: ID! T2: Int }
        type T1 implements Thing @key(fields: "id") { id: ID! T3: Int }`
    }
    if (subgraph !== this.model.subgraphs - 1) return ''
    return `
      extend type Query { things1: [Thing] }
      type Thing @key(fields: "id") @interfaceObject { id: ID! T0: Int T1: String }`
  }

  /** The keys of an entity in a subgraph. Where some know one key and some the other, one knows both. */
  #keysOf(index: number, subgraph: number): string[] {
    const keys = this.model.entities[index]?.keys.slice(0, this.model.subgraphs) ?? []
    const isJoint = subgraph === index % this.model.subgraphs && new Set(keys).size > 1
    const key = isJoint ? 'both' : (keys[subgraph] ?? 'id')
    return key === 'both' ? ['id', 'code'] : [key]
  }

  #entitySdl(index: number, subgraph: number): string {
    const type = `E${index}`
    const keys = this.#keysOf(index, subgraph)
    const lines = keys.map((key) => `  ${key}: ID!`)
    const form = keys.includes('id') ? this.model.entities[index]?.form : 'plain'
    if (form === 'compound') lines.push('  half: String!')
    if (form === 'nested') lines.push('  part: Part!')
    const needsSort = this.#members().includes(index)
    if (needsSort && this.#nodeKeys(subgraph)[0] === 'sort: Int') lines.push('  sort: Int @shareable')
    for (const [name, field] of this.fieldsOf(type)) {
      if (this.owners(field).includes(subgraph)) lines.push(`  ${this.#fieldSdl(type, name, field, subgraph)}`)
      else if (this.overridden(type, field) === subgraph) {
        lines.push(`  ${name}${this.#signature(type, name, field)}${hiddenOf(type, field)}`)
      } else if (this.#isExternal(type, name, subgraph)) {
        lines.push(`  ${name}${this.#signature(type, name, field)} @external`)
      }
    }
    const implemented = needsSort ? ' implements Node' : ''
    const beside = { plain: '', compound: ' half', nested: ' part { n }' }[form ?? 'plain']
    const uses = keys.map((key) => `@key(fields: "${key}${key === 'id' ? beside : ''}")`).join(' ')
    return `type ${type}${implemented} ${uses} {\n${lines.join('\n')}\n}`
  }

  #fieldSdl(type: string, name: string, field: FieldModel, subgraph: number): string {
    const required = this.requiredOf(type, field)
    const overridden = this.overridden(type, field)
    const provided = this.providedBy(field)
    return [
      `${name}${this.#signature(type, name, field)}${hiddenOf(type, field)}`,
      this.owners(field).length > 1 ? '@shareable' : '',
      required === undefined ? '' : `@requires(fields: "${this.#requiredText(type, field, required)}")`,
      overridden === undefined || this.owners(field)[0] !== subgraph ? '' : overrideOf(field, overridden),
      provided === undefined ? '' : `@provides(fields: "${provided}")`,
    ].join(' ')
  }

  #requiredText(type: string, { requiresWith }: FieldModel, required: string): string {
    return this.fieldNamed(type, required).argument ? `${required}(x: ${requiresWith})` : required
  }

  #signature(type: string, name: string, field: FieldModel): string {
    const given = field.argument ? '(x: Int)' : ''
    if (this.isPlainField(type, name)) return `${given}: ${this.#typeName(field)}`
    let text = this.#typeName(field)
    for (let i = 0; i < field.lists; i++) text = `[${text}${field.itemNonNull ? '!' : ''}]`
    return `${given}: ${text}${field.nonNull ? '!' : ''}`
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
    if (this.#mutationSdl(subgraph) !== '') {
      const names = [...this.#mutationSdl(subgraph).matchAll(/m\d/g)].map(([name]) => name)
      resolvers.Mutation = Object.fromEntries(names.map((name) => [name, () => this.#act(name)]))
    }
    return this.#thingSdl(subgraph) === '' ? resolvers : this.#withThings(resolvers, subgraph)
  }

  #withThings(resolvers: Resolvers, subgraph: number): Resolvers {
    const of = (name: string) => (source: Source) => this.#thing(source?.id ?? '', name)
    if (subgraph === 0) {
      const __resolveReference = ({ id }: { id: string }) => thing(id)
      return {
        ...resolvers,
        Query: { ...resolvers.Query, things0: of('things0') },
        Thing: { __resolveReference },
        T0: { __resolveReference, T2: of('T2') },
        T1: { __resolveReference, T3: of('T3') },
      }
    }
    return {
      ...resolvers,
      Query: { ...resolvers.Query, things1: of('things1') },
      Thing: { T0: of('T0'), T1: of('T1') },
    }
  }

  #typeResolvers(type: string, subgraph: number): Resolvers {
    const resolvers: Resolvers = {}
    for (const [name, field] of this.fieldsOf(type)) {
      const isOwn = this.owners(field).includes(subgraph)
      const isShared = field.isProgressive && this.overridden(type, field) === subgraph
      if (isOwn || isShared || this.#isProvided(type, name, subgraph)) {
        resolvers[name] = (source: Source, args: Record<string, unknown>) => {
          const id = source?.id ?? ''
          if (type !== 'Query' && this.isUnknown(type, id, this.owners(field)[0] as number)) return null
          return this.value(type, id, name, field, args, (required) => source?.[required])
        }
      } else if (this.overridden(type, field) === subgraph && !field.isProgressive) {
        resolvers[name] = () => new GraphQLError('An overridden field was asked for.')
      }
    }
    if (type !== 'Query') {
      const index = Number(type.slice(1))
      resolvers.__resolveReference = (reference: Source) => {
        const id = reference?.id ?? reference?.code?.slice(1) ?? ''
        if (!this.#isWhole(index, reference)) throw new GraphQLError('A key is not whole.')
        return this.#isUnknownTo(type, id, subgraph) ? null : { ...reference, ...this.entity(index, id) }
      }
    }
    return resolvers
  }

  /** Whether a reference has all of one of its keys. */
  #isWhole(index: number, reference: Source): boolean {
    if (reference?.code !== undefined) return true
    const form = this.model.entities[index]?.form
    if (form === 'compound') return reference?.half === `h${reference?.id}`
    return form === 'plain' || (reference?.part as { n?: number } | undefined)?.n === Number(reference?.id)
  }

  /** A subgraph answers no entity only where it would have answered none of its fields. */
  #isUnknownTo(type: string, id: string, subgraph: number): boolean {
    const shared = this.fieldsOf(type).some(
      ([, field]) =>
        this.owners(field).indexOf(subgraph) > 0 || (field.isProgressive && this.overridden(type, field) === subgraph),
    )
    return !shared && this.isUnknown(type, id, subgraph)
  }
}

type Source = { readonly id?: string; readonly code?: string; readonly [key: string]: unknown } | undefined

const keyNames = ['id', 'code', 'sort', 'half', 'part']

const plainField: FieldModel = {
  kind: 'Int',
  target: 0,
  lists: 0,
  nonNull: false,
  itemNonNull: false,
  owner: 0,
  also: undefined,
  argument: false,
  requires: undefined,
  requiresWith: 0,
  isHidden: false,
  isProgressive: false,
  overrides: undefined,
  provides: undefined,
}

function hiddenOf(type: string, { isHidden }: FieldModel): string {
  return isHidden && type !== 'Query' ? ' @inaccessible' : ''
}

function thing(id: string): Source {
  return { __typename: `T${Number(id) % 2}`, id }
}

function overrideOf({ isProgressive }: FieldModel, from: number): string {
  return `@override(from: "s${from}"${isProgressive ? ', label: "percent(50)"' : ''})`
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
