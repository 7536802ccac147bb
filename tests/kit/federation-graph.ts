import { GraphQLError, type GraphQLFieldResolver } from 'graphql'
import type { SubgraphFixture } from './federation.ts'
import type { EntityModel, FieldModel, GraphModel } from './federation-model.ts'
import { SubgraphResolvers } from './federation-resolvers.ts'
import { SubgraphSdl } from './federation-sdl.ts'

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
      fixtures[`s${subgraph}`] = {
        sdl: new SubgraphSdl(this, subgraph).text(),
        resolvers: new SubgraphResolvers(this, subgraph).all(),
      }
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
    if (type === 'Mutation') return this.act(fieldName)
    if (/^(things|T)/.test(fieldName)) return this.thing(source?.id ?? '', fieldName)
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

  act(fieldName: string): unknown {
    this.touched.add('mutations')
    const index = (this.model.acts[Number(fieldName.slice(1))] as number) % this.model.entities.length
    return this.entity(index, String(this.#acts++ % 3))
  }

  /** Things are of two types, by their ids; `T…` fields are those of the interface as an object. */
  thing(id: string, fieldName: string): unknown {
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
    if (this.keysOf(Number(type.slice(1)), subgraph).length > 1) return false
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
        const members = this.members()
        return this.entity(members[(hash >>> 5) % members.length] as number, id)
      }
    }
  }

  members(): number[] {
    return [...new Set(this.model.members.map((member) => member % this.model.entities.length))].sort()
  }

  /** The keys of an entity in a subgraph. Where some know one key and some the other, one knows both. */
  keysOf(index: number, subgraph: number): string[] {
    const keys = this.model.entities[index]?.keys.slice(0, this.model.subgraphs) ?? []
    const isJoint = subgraph === index % this.model.subgraphs && new Set(keys).size > 1
    const key = isJoint ? 'both' : (keys[subgraph] ?? 'id')
    return key === 'both' ? ['id', 'code'] : [key]
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

  isProvided(type: string, name: string, subgraph: number): boolean {
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

  /** The fields of Mutation that a subgraph answers, with the entity that each gives. */
  actsOf(subgraph: number): (readonly [name: string, type: string])[] {
    const { acts, subgraphs, entities } = this.model
    return acts.flatMap((target, index) =>
      index % subgraphs === subgraph ? [[`m${index}`, `E${target % entities.length}`] as const] : [],
    )
  }

  /** The interface is the first subgraph's; the last one has it as an object. */
  roleInThings(subgraph: number): 'INTERFACE' | 'OBJECT' | null {
    if (!this.model.hasThings) return null
    if (subgraph === 0) return 'INTERFACE'
    return subgraph === this.model.subgraphs - 1 ? 'OBJECT' : null
  }
}

export type Source = { readonly id?: string; readonly code?: string; readonly [key: string]: unknown } | undefined

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

export function thing(id: string): Source {
  return { __typename: `T${Number(id) % 2}`, id }
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
