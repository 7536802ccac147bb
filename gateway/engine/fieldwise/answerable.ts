import {
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  Kind,
  type OperationDefinitionNode,
  parse,
  print,
  type SelectionSetNode,
} from 'graphql'
import type { Step } from '../steps.ts'
import type { JoinedGraph } from './graph.ts'

type Fetch = Extract<Step, { readonly operation: string }>

/** What is selected of objects that a subgraph has under a type; of no known type where it lists entities. */
interface Scope {
  readonly type: string
  readonly set: SelectionSetNode
}

/**
 * Whether no subgraph refuses a fetch of a plan for what the native planner is known to get wrong: an object without
 * selections, or one response key for fields that answer in different forms.
 */
export function isAnswerable(step: Step, graph: JoinedGraph, schema: GraphQLSchema): boolean {
  if (step.kind === 'sequence' || step.kind === 'parallel') {
    return step.steps.every((inner) => isAnswerable(inner, graph, schema))
  }
  return new FetchCheck(graph, step).isAnswerable(schema)
}

class FetchCheck {
  readonly #graph: JoinedGraph
  readonly #fetch: Fetch
  readonly #fragments = new Map<string, FragmentDefinitionNode>()

  constructor(graph: JoinedGraph, fetch: Fetch) {
    this.#graph = graph
    this.#fetch = fetch
  }

  isAnswerable(schema: GraphQLSchema): boolean {
    let root: OperationDefinitionNode | undefined
    for (const node of parse(this.#fetch.operation, { noLocation: true }).definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) this.#fragments.set(node.name.value, node)
      else if (node.kind === Kind.OPERATION_DEFINITION) root = node
    }
    if (!root) return false
    if (this.#fetch.kind === 'root') {
      return this.#isMergeable([{ type: schema.getRootType(root.operation)?.name ?? '', set: root.selectionSet }])
    }
    const lists = root.selectionSet.selections.filter((node): node is FieldNode => node.kind === Kind.FIELD)
    return lists.every(({ selectionSet: set }) => set && this.#isMergeable([{ type: '', set }]))
  }

  #isMergeable(scopes: readonly Scope[]): boolean {
    const fields = scopes.flatMap((scope) => this.#fieldsOf(scope))
    return [...Map.groupBy(fields, ({ node }) => (node.alias ?? node.name).value).values()].every((same) => {
      const texts = new Map<string, string>()
      const shapes = new Set<string>()
      const below: Scope[] = []
      for (const { type, node } of same) {
        const form = this.#graph.form(type, node.name.value, this.#fetch.subgraph)
        if (!form) continue
        if (form.isComposite !== (node.selectionSet !== undefined)) return false
        shapes.add(form.shape)
        const text = `${node.name.value}(${node.arguments?.map(print).sort().join()})`
        if ((texts.get(type) ?? text) !== text) return false
        texts.set(type, text)
        if (node.selectionSet) below.push({ type: form.type, set: node.selectionSet })
      }
      return shapes.size <= 1 && (below.length === 0 || this.#isMergeable(below))
    })
  }

  #fieldsOf({ type, set }: Scope): { readonly type: string; readonly node: FieldNode }[] {
    return set.selections.flatMap((node) => {
      if (node.kind === Kind.FIELD) return node.name.value === '__typename' ? [] : [{ type, node }]
      const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : this.#fragments.get(node.name.value)
      if (!fragment) return []
      return this.#fieldsOf({ type: fragment.typeCondition?.name.value ?? type, set: fragment.selectionSet })
    })
  }
}
