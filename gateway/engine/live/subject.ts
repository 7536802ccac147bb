import { getNamedType, Kind, visit } from 'graphql'
import type { RequestContext } from '../../../lib/context.ts'
import type { CachedOperation, OperationPlan } from '../plan-cache.ts'

/** The scalar of event cursors, and the argument that takes the one to begin after. */
const cursorScalar = 'Cursor'
const placeArgument = 'after'

/** What a reader asks for. Readers with the same key see the same answers, each after his own place. */
export interface Subject {
  readonly key: string
  /** The cursor to begin after; undefined for what comes from now on. */
  readonly after: string | undefined
}

/** What a reader asks for: the operation as it is planned for him, its variables, in whose name, after which place. */
export function subjectOf(
  operation: CachedOperation,
  plan: OperationPlan,
  variables: Readonly<Record<string, unknown>>,
  context: RequestContext,
): Subject {
  const name = placeVariable(operation)
  const { [name ?? '']: given, ...others } = variables
  const shared = name === undefined ? variables : others
  return {
    key: JSON.stringify([nameOf(plan), shared, authorityOf(context)]),
    after: context.resumeAfter ?? (typeof given === 'string' ? given : undefined),
  }
}

/** Everything of who asks that an answer may depend on. */
function authorityOf({ viewer, clientHeaders }: RequestContext): unknown {
  const asks = viewer && [viewer.tenantId, viewer.userId, viewer.sessionId, viewer.role, viewer.scopes]
  return [asks, clientHeaders]
}

const planNames = new WeakMap<OperationPlan, number>()
let plansNamed = 0

/** A plan is of one operation, its switches and what its viewer may see, so it stands for all of them. */
function nameOf(plan: OperationPlan): number {
  let name = planNames.get(plan)
  if (name === undefined) {
    plansNamed += 1
    name = plansNamed
    planNames.set(plan, name)
  }
  return name
}

const placeVariables = new WeakMap<CachedOperation, { readonly name: string | undefined }>()

/** The variable that gives the place and nothing else; undefined when there is none. */
function placeVariable(operation: CachedOperation): string | undefined {
  let known = placeVariables.get(operation)
  if (!known) {
    known = { name: findPlaceVariable(operation) }
    placeVariables.set(operation, known)
  }
  return known.name
}

function findPlaceVariable({ definition, document, rootType }: CachedOperation): string | undefined {
  const [selection, another] = definition.selectionSet.selections
  if (selection?.kind !== Kind.FIELD || another !== undefined) return undefined
  const argument = selection.arguments?.find(({ name }) => name.value === placeArgument)
  const type = rootType.getFields()[selection.name.value]?.args.find(({ name }) => name === placeArgument)?.type
  if (argument?.value.kind !== Kind.VARIABLE || !type || getNamedType(type).name !== cursorScalar) return undefined
  const name = argument.value.name.value
  let uses = 0
  visit(document, {
    VariableDefinition: () => false,
    Variable: (node) => {
      if (node.name.value === name) uses += 1
    },
  })
  return uses === 1 ? name : undefined
}
