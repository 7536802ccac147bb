import { GraphQLError } from 'graphql'
import type { Resolvers } from './federation.ts'
import { type Graph, type Source, thing } from './federation-graph.ts'

/** What one subgraph of a made up graph answers. */
export class SubgraphResolvers {
  readonly #graph: Graph
  readonly #subgraph: number

  constructor(graph: Graph, subgraph: number) {
    this.#graph = graph
    this.#subgraph = subgraph
  }

  all(): Resolvers {
    const resolvers: Resolvers = {}
    for (const type of ['Query', ...this.#graph.model.entities.map((_, index) => `E${index}`)]) {
      resolvers[type] = this.#typeResolvers(type)
    }
    const acts = this.#graph.actsOf(this.#subgraph).map(([name]) => [name, () => this.#graph.act(name)] as const)
    if (acts.length > 0) resolvers.Mutation = Object.fromEntries(acts)
    return this.#withThings(resolvers)
  }

  #withThings(resolvers: Resolvers): Resolvers {
    const of = (name: string) => (source: Source) => this.#graph.thing(source?.id ?? '', name)
    const role = this.#graph.roleInThings(this.#subgraph)
    if (role === null) return resolvers
    if (role === 'INTERFACE') {
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

  #typeResolvers(type: string): Resolvers {
    const resolvers: Resolvers = {}
    for (const [name, field] of this.#graph.fieldsOf(type)) {
      const isOwn = this.#graph.owners(field).includes(this.#subgraph)
      const isShared = field.isProgressive && this.#graph.overridden(type, field) === this.#subgraph
      if (isOwn || isShared || this.#graph.isProvided(type, name, this.#subgraph)) {
        resolvers[name] = (source: Source, args: Record<string, unknown>) => {
          const id = source?.id ?? ''
          if (type !== 'Query' && this.#graph.isUnknown(type, id, this.#graph.owners(field)[0] as number)) return null
          return this.#graph.value(type, id, name, field, args, (required) => source?.[required])
        }
      } else if (this.#graph.overridden(type, field) === this.#subgraph && !field.isProgressive) {
        resolvers[name] = () => new GraphQLError('An overridden field was asked for.')
      }
    }
    if (type !== 'Query') {
      const index = Number(type.slice(1))
      resolvers.__resolveReference = (reference: Source) => {
        const id = reference?.id ?? reference?.code?.slice(1) ?? ''
        if (!this.#isWhole(index, reference)) throw new GraphQLError('A key is not whole.')
        return this.#isUnknownTo(type, id) ? null : { ...reference, ...this.#graph.entity(index, id) }
      }
    }
    return resolvers
  }

  /** Whether a reference has all of one of its keys. */
  #isWhole(index: number, reference: Source): boolean {
    if (reference?.code !== undefined) return true
    const form = this.#graph.model.entities[index]?.form
    if (form === 'compound') return reference?.half === `h${reference?.id}`
    return form === 'plain' || (reference?.part as { n?: number } | undefined)?.n === Number(reference?.id)
  }

  /** A subgraph answers no entity only where it would have answered none of its fields. */
  #isUnknownTo(type: string, id: string): boolean {
    const shared = this.#graph
      .fieldsOf(type)
      .some(
        ([, field]) =>
          this.#graph.owners(field).indexOf(this.#subgraph) > 0 ||
          (field.isProgressive && this.#graph.overridden(type, field) === this.#subgraph),
      )
    return !shared && this.#graph.isUnknown(type, id, this.#subgraph)
  }
}
