import {
  type FieldNode,
  type GraphQLSchema,
  isAbstractType,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
} from 'graphql'
import type { OverrideChoice } from '../planner.ts'
import type { PlannedSteps, RootFetch, Step } from '../steps.ts'
import type { Supergraph } from '../supergraph.ts'
import { isAnswerable } from './answerable.ts'
import { type Fetch, type Path, Selected, stepsOf } from './fetches.ts'
import { JoinedGraph, type Resolution } from './graph.ts'
import { type Hop, type Leaf, requestsOf } from './leaves.ts'
import { Needs } from './needs.ts'

/**
 * A planner that looks for a way to each value of an operation by itself: down the fields of one subgraph, or over a
 * key to another where it cannot go on. It takes the first way that holds and joins those that run together. Its plans
 * may fetch more often than need be; it is asked when the other planner finds none.
 */
export class FieldwisePlanner {
  readonly #supergraph: Supergraph
  readonly #graph: JoinedGraph
  readonly #uneven: ReadonlySet<string>
  readonly #requirements: ReturnType<JoinedGraph['requirements']>

  constructor(supergraph: Supergraph) {
    this.#supergraph = supergraph
    this.#graph = new JoinedGraph(supergraph.document)
    this.#uneven = this.#graph.unevenFields()
    this.#requirements = this.#graph.requirements()
  }

  /**
   * Whether the native planner is known to plan fields of these names wrongly. Where one leads to a union or interface
   * with other types in each of the subgraphs that resolve it, it asks only for the types that all of them have. What
   * is required with arguments it may fetch under the name of the same field with others.
   */
  isNeededFor(fieldNames: Iterable<string>): boolean {
    const names = new Set(fieldNames)
    // What is required may require in its turn: the set grows while it is gone through.
    for (const name of names) {
      const requirement = this.#requirements.get(name)
      if (this.#uneven.has(name) || requirement?.hasArguments) return true
      for (const required of requirement?.names ?? []) names.add(required)
    }
    return false
  }

  /** Whether the subgraphs answer what a plan of the native planner asks, as far as is known that it may go wrong. */
  isAnswerable(steps: Step): boolean {
    return isAnswerable(steps, this.#graph, this.#supergraph.schema)
  }

  /**
   * @param operation A normalised operation.
   * @throws Error when there is no way to one of its values, or it has interface objects, which this does not plan.
   */
  plan(operation: string, choice: OverrideChoice): PlannedSteps {
    const definition = parse(operation, { noLocation: true }).definitions[0] as OperationDefinitionNode
    return new Search(this.#graph, this.#supergraph, definition, choice).plan()
  }
}

/** How objects at a place of the answer come from one subgraph. */
interface Way {
  readonly id: string
  readonly subgraph: string
  readonly place: Place
  /** The type that the subgraph declares there. */
  readonly declared: string
  /** Field sets that the subgraph gives there, beyond what it resolves. */
  readonly provided: readonly SelectionSetNode[]
  /** What the subgraph was given for fields that require others. */
  readonly required: string
  /** Puts it into the plan, once. */
  select(): Selected
}

interface Place {
  readonly id: string
  readonly path: Path
  readonly type: string
}

/** Puts what was found into the plan; gives the fetch that answers it. */
type Found = () => Fetch

/** More attempts than this are not made for one operation. */
const attemptLimit = 200_000

class Search {
  readonly #graph: JoinedGraph
  readonly #schema: GraphQLSchema
  /** Names that no alias may have. */
  readonly #fieldNames: ReadonlySet<string>
  readonly #needs: Needs
  readonly #definition: OperationDefinitionNode
  readonly #choice: OverrideChoice
  readonly #rootType: string
  /** Ways that are in the plan, by place. */
  readonly #ways = new Map<string, Way[]>()
  readonly #selected = new Map<string, Selected>()
  readonly #fetches: Selected[] = []
  /** The subgraph that a field of a mutation or subscription is asked of: no other may be asked as well. */
  readonly #owners = new Map<string, string>()
  readonly #busy = new Set<string>()
  #attempts = 0

  constructor(
    graph: JoinedGraph,
    { schema, fieldNames }: Supergraph,
    definition: OperationDefinitionNode,
    choice: OverrideChoice,
  ) {
    this.#graph = graph
    this.#schema = schema
    this.#fieldNames = fieldNames
    this.#needs = new Needs(fieldNames)
    this.#definition = definition
    this.#choice = choice
    this.#rootType = schema.getRootType(definition.operation)?.name ?? ''
  }

  plan(): PlannedSteps {
    const { selectionSet, operation, variableDefinitions = [] } = this.#definition
    const requests = requestsOf(selectionSet, [this.#rootType], {
      graph: this.#graph,
      possible: (type) => this.#shown(type),
      keyOf: (node) => (node.alias ?? node.name).value,
    })
    for (const request of requests) this.#take(request)
    // With their defaults, by which a nullable variable may stand where null may not.
    const types = new Map(
      variableDefinitions.map(({ variable, type, defaultValue }) => [
        variable.name.value,
        defaultValue ? `${print(type)} = ${print(defaultValue)}` : print(type),
      ]),
    )
    if (operation !== 'subscription')
      return { primary: undefined, steps: stepsOf(this.#fetches, types, this.#fieldNames) }
    const [first, ...rest] = this.#fetches
    return {
      primary: stepsOf(first ? [first] : [], types, this.#fieldNames) as RootFetch,
      steps: stepsOf(rest, types, this.#fieldNames),
    }
  }

  /** The object types that clients see of a type. */
  #shown(name: string): readonly string[] {
    const type = this.#schema.getType(name)
    return isAbstractType(type) ? this.#schema.getPossibleTypes(type).map((object) => object.name) : [name]
  }

  /** All object types of a type. */
  #possible(name: string): readonly string[] {
    if (!this.#graph.types.get(name)?.isAbstract) return [name]
    const isOne = (object: string) => this.#graph.graphs.some((graph) => this.#graph.canBe(name, object, graph))
    return [...this.#graph.types.keys()].filter(isOne)
  }

  #take(request: readonly Leaf[]): void {
    const hops = request.flatMap((leaf) => leaf.hops)
    if (hops.some(({ on, type }) => [on, type].some((name) => this.#graph.types.get(name)?.isInterfaceObject))) {
      throw new Error('Interface objects are not planned field by field.')
    }
    const [root] = hops as [Hop, ...Hop[]]
    const owner = this.#owners.get(root.key)
    for (const graph of owner === undefined ? this.#graph.graphs : [owner]) {
      const found = this.#step(this.#rootWay({ id: '', path: [], type: this.#rootType }, graph, 0), request, 0)
      if (!found) continue
      found()
      if (this.#definition.operation !== 'query') this.#owners.set(root.key, graph)
      return
    }
    throw new Error(`No subgraph leads to ${request[0]?.hops.map(({ name }) => name).join('.')}.`)
  }

  #rootWay(place: Place, subgraph: string, level: number): Way {
    const kind = place.path.length > 0 ? 'query' : this.#definition.operation
    return this.#way(`${place.id}>${subgraph}`, place, subgraph, { declared: place.type }, () =>
      this.#fetch({ subgraph, kind, path: place.path, entity: undefined, level, variables: new Set() }),
    )
  }

  #way(
    id: string,
    place: Place,
    subgraph: string,
    { declared, provided = [], required = '' }: Pick<Way, 'declared'> & Partial<Way>,
    select: () => Selected,
  ): Way {
    const way: Way = { id, place, subgraph, declared, provided, required, select: () => this.#once(way, select) }
    return way
  }

  #once(way: Way, select: () => Selected): Selected {
    const known = this.#selected.get(way.id)
    if (known) return known
    const selected = select()
    this.#selected.set(way.id, selected)
    this.#ways.set(way.place.id, [...(this.#ways.get(way.place.id) ?? []), way])
    return selected
  }

  #fetch(fetch: Fetch): Selected {
    const selected = new Selected(fetch)
    this.#fetches.push(selected)
    return selected
  }

  /**
   * Looks for the rest of a way to a value, from objects that came from a subgraph. Where a field is asked of objects of
   * several types, the way to each goes on from there: it is the same objects that have it.
   */
  #find(way: Way, request: readonly Leaf[], at: number): Found | undefined {
    const byType = new Map<string, Leaf[]>()
    for (const leaf of request) {
      const on = leaf.hops[at]?.on ?? ''
      byType.set(on, [...(byType.get(on) ?? []), leaf])
    }
    const all: Found[] = []
    for (const [on, leaves] of byType) {
      const found = this.#findFor(way, on, leaves, at)
      if (!found) return undefined
      all.push(found)
    }
    return () => all.map((each) => each()).reduce((one, other) => (other.level > one.level ? other : one))
  }

  #findFor(way: Way, on: string, request: readonly Leaf[], at: number): Found | undefined {
    if (++this.#attempts > attemptLimit) throw new Error('The operation is too large to be planned field by field.')
    // The subgraph has no such objects there, so nothing more is asked of what it answers.
    if (on !== '' && !this.#graph.canBe(way.declared, on, way.subgraph)) return () => way.select().fetch
    const others = (this.#ways.get(way.place.id) ?? []).filter(({ id }) => id !== way.id)
    for (const each of [way, ...others]) {
      const found = this.#step(each, request, at)
      if (found) return found
    }
    for (const graph of this.#graph.graphs) {
      const jump = this.#jump(way, request[0]?.hops[at] as Hop, graph)
      const found = jump && this.#step(jump, request, at)
      if (found) return found
    }
    return undefined
  }

  /** Takes the step that leaves of one type have in common. */
  #step(way: Way, request: readonly Leaf[], at: number): Found | undefined {
    const [leaf] = request as [Leaf, ...Leaf[]]
    const hop = leaf.hops[at] as Hop
    if (hop.on === '') return () => way.select().fetch
    const child = this.#child(way, hop)
    if (!child) return undefined
    return at === leaf.hops.length - 1 ? () => child.select().fetch : this.#find(child, request, at + 1)
  }

  /** One field down in the same subgraph; undefined when it does not have the field there. */
  #child(way: Way, hop: Hop): Way | undefined {
    if (!this.#graph.canBe(way.declared, hop.on, way.subgraph)) return undefined
    const given = way.provided.flatMap((set) => this.#fieldsOf(set, hop))
    const resolution = this.#resolution(hop, way.subgraph)
    if (!resolution && given.length === 0) return undefined
    if (given.length === 0 && resolution?.requires && way.required !== print(resolution.requires)) return undefined
    const isAbstract = this.#graph.types.get(way.place.type)?.isAbstract
    const place: Place = {
      id: `${way.place.id}/${hop.on}.${hop.key}`,
      path: [...way.place.path, ...(isAbstract ? [{ TypeCondition: [hop.on] }] : []), { Field: hop.key }],
      type: hop.type,
    }
    const provided = [
      ...given.flatMap(({ selectionSet }) => selectionSet ?? []),
      ...(resolution?.provides ? [resolution.provides] : []),
    ]
    const declared = resolution?.type ?? hop.type
    const form = this.#graph.form(hop.on, hop.name, way.subgraph)
    if (!form) return undefined
    return this.#way(`${way.id}/${hop.on}.${hop.key}`, place, way.subgraph, { declared, provided }, () => {
      const parent = way.select()
      const object = way.declared === hop.on ? parent : parent.onType(hop.on)
      return object.field(hop, form)
    })
  }

  #resolution(hop: Hop, graph: string): Resolution | undefined {
    return this.#graph.resolution(hop.on, hop.name, graph, (label) => this.#isOn(label))
  }

  #isOn(label: string): boolean {
    const percent = /^percent\((\d+(?:\.\d+)?)\)$/.exec(label)?.[1]
    return percent === undefined ? this.#choice.labels.has(label) : this.#choice.percentage < Number(percent)
  }

  /** The fields of a field set that a step takes. */
  #fieldsOf(set: SelectionSetNode, hop: Hop): FieldNode[] {
    return set.selections.flatMap((selection) => {
      if (selection.kind === Kind.FIELD) return selection.name.value === hop.name ? [selection] : []
      if (selection.kind !== Kind.INLINE_FRAGMENT) return []
      const on = selection.typeCondition?.name.value
      const holds = on === undefined || this.#possible(on).includes(hop.on)
      return holds ? this.#fieldsOf(selection.selectionSet, hop) : []
    })
  }

  /** To a subgraph that resolves a field, by a key, with what the field requires. */
  #jump(way: Way, hop: Hop, graph: string): Way | undefined {
    if (hop.on === '') return undefined
    const resolution = this.#resolution(hop, graph)
    if (!resolution) return undefined
    if (hop.on === this.#schema.getQueryType()?.name) return this.#rootJump(way, graph)
    const required = resolution.requires ? print(resolution.requires) : ''
    const id = `${way.place.id}|${hop.on}>${graph}|${required}`
    if (this.#busy.has(id)) return undefined
    this.#busy.add(id)
    try {
      for (const key of this.#graph.types.get(hop.on)?.keys.get(graph) ?? []) {
        const sets = [key, ...(resolution.requires ? [resolution.requires] : [])]
        const found = this.#obtain(way, hop.on, sets)
        if (!found) continue
        return this.#way(id, way.place, graph, { declared: hop.on, required }, () => {
          const level = 1 + Math.max(way.select().fetch.level, ...found.map((obtain) => obtain().level))
          const entity = this.#needs.wanting(hop.on, sets)
          const { path } = way.place
          return this.#fetch({ subgraph: graph, kind: 'query', path, entity, level, variables: new Set() })
        })
      }
      return undefined
    } finally {
      this.#busy.delete(id)
    }
  }

  /** A field that leads back to the root: any subgraph may be asked there. */
  #rootJump(way: Way, graph: string): Way {
    const { place } = way
    return this.#way(`${place.id}>${graph}`, place, graph, { declared: place.type }, () => {
      const level = 1 + way.select().fetch.level
      const { path } = place
      return this.#fetch({ subgraph: graph, kind: 'query', path, entity: undefined, level, variables: new Set() })
    })
  }

  /** Ways to everything that some field sets ask of an object; undefined when one is missing. */
  #obtain(way: Way, type: string, sets: readonly SelectionSetNode[]): Found[] | undefined {
    const all: Found[] = []
    for (const set of sets) {
      const options = {
        graph: this.#graph,
        possible: (name: string) => this.#possible(name),
        keyOf: (node: FieldNode) => this.#needs.keyOf(node),
      }
      for (const request of requestsOf(set, [type], options)) {
        const found = this.#find(way, request, 0)
        if (!found) return undefined
        all.push(found)
      }
    }
    return all
  }
}
