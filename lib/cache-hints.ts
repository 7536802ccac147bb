import {
  type ConstDirectiveNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isCompositeType,
  isUnionType,
  Kind,
  parse,
  type SelectionSetNode,
} from 'graphql'
import { LRUCache } from 'lru-cache'
import { type CachePolicy, PolicySum } from './cache-control.ts'

interface Hint {
  readonly maxAge?: number
  readonly scope?: CachePolicy['scope']
  readonly inheritMaxAge?: boolean
}

interface Node {
  readonly directives?: readonly ConstDirectiveNode[] | undefined
}

interface Annotated {
  readonly astNode?: Node | null | undefined
  readonly extensionASTNodes?: readonly Node[]
}

/** How many operations keep their policy. */
const rememberedOperations = 2000

/**
 * What `@cacheControl(maxAge, scope, inheritMaxAge)` in a schema says of an operation, by Apollo's rules: a field's hint
 * wins over its type's; a root field, or one that gives an object, may not be kept unless a hint says so; a leaf is kept
 * as long as its object; the answer as long as the least of its fields. It is worked out from the operation alone, so a
 * field of an abstract type counts with every type that it may turn out to be.
 */
export class CacheHints {
  readonly #schema: GraphQLSchema
  readonly #known = new LRUCache<string, { policy: CachePolicy | undefined }>({ max: rememberedOperations })

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  /** The policy of a query's answer; undefined when it may not be kept, or the text is no query. */
  of(operation: string): CachePolicy | undefined {
    let known = this.#known.get(operation)
    if (!known) {
      known = { policy: this.#policyOf(operation) }
      this.#known.set(operation, known)
    }
    return known.policy
  }

  #policyOf(text: string): CachePolicy | undefined {
    const document = parse(text, { noLocation: true })
    const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION)
    const root = this.#schema.getQueryType()
    if (operation?.operation !== 'query' || !root) return undefined
    const walk: Walk = { schema: this.#schema, sum: new PolicySum(), fragments: new Map() }
    for (const node of document.definitions) {
      if (node.kind === Kind.FRAGMENT_DEFINITION) walk.fragments.set(node.name.value, node)
    }
    walkSelections(walk, operation.selectionSet, root, true)
    return walk.sum.policy
  }
}

interface Walk {
  readonly schema: GraphQLSchema
  readonly sum: PolicySum
  readonly fragments: Map<string, FragmentDefinitionNode>
}

function walkSelections(walk: Walk, { selections }: SelectionSetNode, parent: GraphQLNamedType, isRoot: boolean): void {
  for (const node of selections) {
    if (node.kind === Kind.FIELD) {
      if (isRoot && node.name.value === '_entities') walkEntities(walk, node)
      else if (!node.name.value.startsWith('__') && isCompositeType(parent)) walkField(walk, node, parent, isRoot)
    } else {
      const fragment = node.kind === Kind.INLINE_FRAGMENT ? node : walk.fragments.get(node.name.value)
      const type = fragment?.typeCondition ? walk.schema.getType(fragment.typeCondition.name.value) : parent
      if (fragment && type) walkSelections(walk, fragment.selectionSet, type, isRoot)
    }
  }
}

function walkField(walk: Walk, node: FieldNode, parent: GraphQLCompositeType, isRoot: boolean): void {
  const walked = new Set<GraphQLNamedType>()
  for (const field of fieldsOf(walk.schema, parent, node.name.value)) {
    const type = getNamedType(field.type)
    const ofType: Hint = isCompositeType(type) ? hintOf(type) : {}
    const ofField = hintOf(field)
    const maxAge = ofField.maxAge ?? (ofField.inheritMaxAge ? undefined : ofType.maxAge)
    const inherits =
      !isRoot && (ofField.inheritMaxAge === true || ofType.inheritMaxAge === true || !isCompositeType(type))
    add(walk.sum, maxAge ?? (inherits ? undefined : 0), ofField.scope ?? ofType.scope)
    if (node.selectionSet && !walked.has(type)) walkSelections(walk, node.selectionSet, type, false)
    walked.add(type)
  }
}

/** Entities are of the types that are asked for, and each is kept as its own type says. */
function walkEntities(walk: Walk, { selectionSet }: FieldNode): void {
  for (const node of selectionSet?.selections ?? []) {
    const fragment = node.kind === Kind.FRAGMENT_SPREAD ? walk.fragments.get(node.name.value) : node
    if (!fragment || fragment.kind === Kind.FIELD || !fragment.typeCondition) continue
    const type = walk.schema.getType(fragment.typeCondition.name.value)
    if (!type) continue
    const hint = hintOf(type)
    add(walk.sum, hint.maxAge ?? 0, hint.scope)
    walkSelections(walk, fragment.selectionSet, type, false)
  }
}

/** The field as each type that the parent may be defines it. */
function fieldsOf(schema: GraphQLSchema, parent: GraphQLCompositeType, name: string): GraphQLField<unknown, unknown>[] {
  const types = isAbstractType(parent) ? schema.getPossibleTypes(parent) : [parent]
  const found = types.flatMap((type) => type.getFields()[name] ?? [])
  return found.length > 0 || isUnionType(parent) ? found : [parent.getFields()[name] ?? []].flat()
}

/** A time that is undefined leaves the answer's as it is. */
function add(sum: PolicySum, maxAge: number | undefined, scope: CachePolicy['scope'] | undefined): void {
  if (maxAge !== undefined || scope === 'PRIVATE') {
    sum.add({ maxAge: maxAge ?? Number.POSITIVE_INFINITY, scope: scope ?? 'PUBLIC' })
  }
}

function hintOf({ astNode, extensionASTNodes = [] }: Annotated): Hint {
  const hint: { maxAge?: number; scope?: CachePolicy['scope']; inheritMaxAge?: boolean } = {}
  const nodes = [astNode, ...extensionASTNodes]
  for (const { name, arguments: given } of nodes.flatMap((node) => node?.directives ?? [])) {
    if (name.value !== 'cacheControl') continue
    for (const { name: argument, value } of given ?? []) {
      if (argument.value === 'maxAge' && value.kind === Kind.INT) hint.maxAge = Number(value.value)
      if (argument.value === 'scope' && value.kind === Kind.ENUM)
        hint.scope = value.value === 'PRIVATE' ? 'PRIVATE' : 'PUBLIC'
      if (argument.value === 'inheritMaxAge' && value.kind === Kind.BOOLEAN) hint.inheritMaxAge = value.value
    }
  }
  return hint
}
