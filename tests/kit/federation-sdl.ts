import type { Graph } from './federation-graph.ts'
import type { FieldModel } from './federation-model.ts'

/** The schema of one subgraph of a made up graph. */
export class SubgraphSdl {
  readonly #graph: Graph
  readonly #subgraph: number

  constructor(graph: Graph, subgraph: number) {
    this.#graph = graph
    this.#subgraph = subgraph
  }

  text(): string {
    const types = this.#graph.model.entities.map((_, index) => this.#entitySdl(index))
    const queries = this.#graph
      .fieldsOf('Query')
      .filter(([, field]) => this.#graph.owners(field).includes(this.#subgraph))
      .map(([name, field]) => `  ${this.#fieldSdl('Query', name, field)}`)
    const members = this.#graph.members().map((member) => `E${member}`)
    return [
      queries.length > 0 ? `type Query {\n${queries.join('\n')}\n}` : '',
      this.#mutationSdl(),
      this.#thingSdl(),
      ...types,
      'enum Choice { RED GREEN BLUE }',
      'type Part @shareable { n: Int! }',
      'type Flat @shareable { a: Int! b: String c: Int }',
      `interface Node { ${this.#nodeKeys().join(' ')} }`,
      `union Any = ${members.join(' | ')}`,
    ].join('\n')
  }

  #mutationSdl(): string {
    const own = this.#graph.actsOf(this.#subgraph).map(([name, type]) => `${name}: ${type}`)
    return own.length > 0 ? `type Mutation { ${own.join(' ')} }` : ''
  }

  #thingSdl(): string {
    const role = this.#graph.roleInThings(this.#subgraph)
    if (role === 'INTERFACE') {
      return `
        extend type Query { things0: [Thing!] }
        interface Thing @key(fields: "id") { id: ID! }
        type T0 implements Thing @key(fields: "id") { id: ID! T2: Int }
        type T1 implements Thing @key(fields: "id") { id: ID! T3: Int }`
    }
    if (role === null) return ''
    return `
      extend type Query { things1: [Thing] }
      type Thing @key(fields: "id") @interfaceObject { id: ID! T0: Int T1: String }`
  }

  #entitySdl(index: number): string {
    const type = `E${index}`
    const keys = this.#graph.keysOf(index, this.#subgraph)
    const lines = keys.map((key) => `  ${key}: ID!`)
    const form = keys.includes('id') ? this.#graph.model.entities[index]?.form : 'plain'
    if (form === 'compound') lines.push('  half: String!')
    if (form === 'nested') lines.push('  part: Part!')
    const needsSort = this.#graph.members().includes(index)
    if (needsSort && this.#nodeKeys()[0] === 'sort: Int') lines.push('  sort: Int @shareable')
    for (const [name, field] of this.#graph.fieldsOf(type)) {
      if (this.#graph.owners(field).includes(this.#subgraph)) lines.push(`  ${this.#fieldSdl(type, name, field)}`)
      else if (this.#graph.overridden(type, field) === this.#subgraph) {
        lines.push(`  ${name}${this.#signature(type, name, field)}${hiddenOf(type, field)}`)
      } else if (this.#isExternal(type, name)) {
        lines.push(`  ${name}${this.#signature(type, name, field)} @external`)
      }
    }
    const implemented = needsSort ? ' implements Node' : ''
    const beside = { plain: '', compound: ' half', nested: ' part { n }' }[form ?? 'plain']
    const uses = keys.map((key) => `@key(fields: "${key}${key === 'id' ? beside : ''}")`).join(' ')
    return `type ${type}${implemented} ${uses} {\n${lines.join('\n')}\n}`
  }

  #fieldSdl(type: string, name: string, field: FieldModel): string {
    const required = this.#graph.requiredOf(type, field)
    const overridden = this.#graph.overridden(type, field)
    const provided = this.#graph.providedBy(field)
    return [
      `${name}${this.#signature(type, name, field)}${hiddenOf(type, field)}`,
      this.#graph.owners(field).length > 1 ? '@shareable' : '',
      required === undefined ? '' : `@requires(fields: "${this.#requiredText(type, field, required)}")`,
      overridden === undefined || this.#graph.owners(field)[0] !== this.#subgraph ? '' : overrideOf(field, overridden),
      provided === undefined ? '' : `@provides(fields: "${provided}")`,
    ].join(' ')
  }

  #requiredText(type: string, { requiresWith }: FieldModel, required: string): string {
    return this.#graph.fieldNamed(type, required).argument ? `${required}(x: ${requiresWith})` : required
  }

  #signature(type: string, name: string, field: FieldModel): string {
    const given = field.argument ? '(x: Int)' : ''
    if (this.#graph.isPlainField(type, name)) return `${given}: ${this.#typeName(field)}`
    let text = this.#typeName(field)
    for (let i = 0; i < field.lists; i++) text = `[${text}${field.itemNonNull ? '!' : ''}]`
    return `${given}: ${text}${field.nonNull ? '!' : ''}`
  }

  #typeName({ kind, target }: FieldModel): string {
    return kind === 'Entity' ? `E${target % this.#graph.model.entities.length}` : kind
  }

  #nodeKeys(): string[] {
    const keys = this.#graph.members().map((member) => this.#graph.keysOf(member, this.#subgraph))
    const shared = ['id', 'code'].filter((key) => keys.every((own) => own.includes(key)))
    return shared.length > 0 ? shared.map((key) => `${key}: ID!`) : ['sort: Int']
  }

  #isExternal(type: string, name: string): boolean {
    const isRequired = this.#graph
      .fieldsOf(type)
      .some(
        ([, field]) => this.#graph.requiredOf(type, field) === name && this.#graph.owners(field)[0] === this.#subgraph,
      )
    return isRequired || this.#graph.isProvided(type, name, this.#subgraph)
  }
}

function hiddenOf(type: string, { isHidden }: FieldModel): string {
  return isHidden && type !== 'Query' ? ' @inaccessible' : ''
}

function overrideOf({ isProgressive }: FieldModel, from: number): string {
  return `@override(from: "s${from}"${isProgressive ? ', label: "percent(50)"' : ''})`
}
