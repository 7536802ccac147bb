import type { RequiresSelection } from '@graphql-hive/router-query-planner'
import type { GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { RequestContext } from '../../lib/context.ts'
import type { Gate, Refusals } from './access/gate.ts'
import type { Requirement } from './access/rules.ts'
import { type Compiled, compile } from './compile/compile.ts'
import { type Selection, ShapeFinder } from './compile/shape.ts'
import { compileIntrospection, type Introspection } from './introspection.ts'
import { Normalizer, type Part } from './normalize.ts'
import type { EngineObserver } from './observer.ts'
import {
  type PreparedOperation,
  prepareOperation,
  type SettledOperation,
  settleOperation,
  switchKey,
} from './operation.ts'
import { type Place, PlaceFinder } from './place.ts'
import type { OverrideChoice, OverrideChooser, Planner } from './planner.ts'
import { PlannerCrash } from './planner-host.ts'
import { inOrder, type PlannedSteps, readPlan, type Step } from './steps.ts'
import type { Supergraph } from './supergraph.ts'
import type { OperationRequest } from './types.ts'

/** Everything that is worked out once for an operation, however often it runs. */
export interface OperationPlan extends Compiled {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly selection: Selection
  readonly introspection: Introspection | undefined
  /** Whether something that its viewer may not see was left out. */
  readonly isRefusedInPart: boolean
}

/** An operation in the cache, before it is known which of its fields are left out. */
export interface CachedOperation extends PreparedOperation {
  readonly plans: LRUCache<string, Promise<OperationPlan>>
  /** What its fields ask of the viewer. */
  readonly requirements: readonly Requirement[]
}

/** Each `@skip` or `@include` variable doubles the ways through an operation; beyond this many the oldest goes. */
const plansPerOperation = 64

export interface PlanCacheOptions {
  readonly supergraph: Supergraph
  readonly planner: Planner
  readonly chooser: OverrideChooser
  readonly gate: Gate
  readonly observer: EngineObserver
  /** How many operations keep their plans. */
  readonly size: number
}

/** Plans and their compiled code, by the operation's text and name, its switches, overrides, and what is refused of it. */
export class PlanCache {
  readonly #supergraph: Supergraph
  readonly #planner: Planner
  readonly #chooser: OverrideChooser
  readonly #gate: Gate
  readonly #operations: LRUCache<string, CachedOperation>

  readonly #observer: EngineObserver

  constructor({ supergraph, planner, chooser, gate, observer, size }: PlanCacheOptions) {
    this.#supergraph = supergraph
    this.#planner = planner
    this.#chooser = chooser
    this.#gate = gate
    this.#observer = observer
    this.#operations = new LRUCache({ max: size, dispose: () => observer.plansKept(-1) })
  }

  get schema(): GraphQLSchema {
    return this.#supergraph.schema
  }

  operation({ query, document, operationName }: OperationRequest): CachedOperation {
    const key = operationName === undefined ? query : `${operationName}\n${query}`
    let operation = this.#operations.get(key)
    if (!operation) {
      const prepared = prepareOperation(this.#supergraph.schema, document, operationName)
      const requirements = this.#gate.requirementsOf(document)
      operation = { ...prepared, requirements, plans: new LRUCache({ max: plansPerOperation }) }
      this.#operations.set(key, operation)
      this.#observer.plansKept(1)
    }
    return operation
  }

  /** The plan for one run; two runs that ask for a new one at the same time share the planning. */
  plan(
    operation: CachedOperation,
    variables: Readonly<Record<string, unknown>>,
    context: RequestContext,
  ): Promise<OperationPlan> {
    const { requirements } = operation
    if (requirements.length === 0) return this.#planFor(operation, variables, undefined)
    return this.#gate.refusals(requirements, context).then((refusals) => this.#planFor(operation, variables, refusals))
  }

  #planFor(
    operation: CachedOperation,
    variables: Readonly<Record<string, unknown>>,
    refusals: Refusals | undefined,
  ): Promise<OperationPlan> {
    const { key: overrides, choice } = this.#chooser.choose()
    let key = switchKey(operation, variables)
    if (overrides !== '') key += `|${overrides}`
    if (refusals) key += `|${refusals.key}`
    let plan = operation.plans.get(key)
    if (plan) this.#observer.planReused()
    else {
      plan = this.#timed(settleOperation(operation, variables, refusals), choice)
      operation.plans.set(key, plan)
      // A failure is not kept, since it may have been the moment's; but what ends the planner would end it again.
      plan.catch((reason) => {
        if (!(reason instanceof PlannerCrash)) operation.plans.delete(key)
      })
    }
    return plan
  }

  close(): void {
    this.#operations.clear()
  }

  async #timed(operation: SettledOperation, choice: OverrideChoice): Promise<OperationPlan> {
    const started = performance.now()
    try {
      return await this.#build(operation, choice)
    } finally {
      this.#observer.planned((performance.now() - started) / 1000)
    }
  }

  async #build(operation: SettledOperation, choice: OverrideChoice): Promise<OperationPlan> {
    const place = new PlaceFinder(this.#supergraph, operation).root()
    const selection = new ShapeFinder(this.#supergraph, operation).root(place)
    const planned = await this.#steps(operation, place, choice)
    return {
      ...compile(this.#supergraph, planned.primary, planned.steps, selection),
      kind: operation.definition.operation,
      selection,
      introspection: compileIntrospection(this.#supergraph.schema, operation),
      isRefusedInPart: operation.refusals !== undefined,
    }
  }

  async #steps(operation: SettledOperation, place: Place, choice: OverrideChoice): Promise<PlannedSteps> {
    const normalizer = new Normalizer(this.#supergraph, operation)
    const plan = async (part?: Part): Promise<PlannedSteps> => {
      const text = normalizer.text(place, part)
      return text === undefined ? nothing : readPlan(await this.#planner.plan(text, choice))
    }
    if (operation.definition.operation === 'mutation') return planMutation(place, plan)
    if (operation.definition.operation === 'subscription') return plan()
    return planQuery(this.#supergraph, place, plan)
  }
}

const nothing: PlannedSteps = { primary: undefined, steps: undefined }

type PlanPart = (part?: Part) => Promise<PlannedSteps>

/**
 * A mutation's fields run one after the other, each with all that is below it. The planner would start the next one
 * while it still fetches below the one before; so unless one subgraph answers all, each is planned alone.
 */
async function planMutation(root: Place, plan: PlanPart): Promise<PlannedSteps> {
  const all = await plan()
  if (root.fetched.size < 2 || all.steps?.kind === 'root') return all
  const keys = [...root.fetched.values()].map(({ key }) => key)
  const nameOf: Part['nameOf'] = ({ key }, parent) => (parent === root ? key : undefined)
  return planParts(plan, keys, nameOf)
}

/**
 * Where two fields require one field with different arguments, the planner may give up, or send a subgraph the value
 * for one as if it were for the other. Fields that require others are then planned apart, and joined by what runs. Where
 * it finds no one way to several fields of an object that subgraphs share, each leaf is planned on its own.
 */
async function planQuery(supergraph: Supergraph, root: Place, plan: PlanPart): Promise<PlannedSteps> {
  const requiring = [...selectedFields(root)].filter((name) => supergraph.requiringFields.has(name))
  let failure: unknown
  try {
    const all = await plan()
    if (requiring.length < 2 || !all.steps || !mixesArguments(all.steps)) return all
  } catch (reason) {
    failure = reason
  }
  const apart: Part['nameOf'] = ({ field }) => (supergraph.requiringFields.has(field.name) ? field.name : undefined)
  const alone: Part['nameOf'] = ({ key, place }, parent) => (place ? '' : leafName(parent, key))
  try {
    return await planParts(plan, ['', ...requiring], apart)
  } catch (reason) {
    const leaves = leafNames(root)
    if (leaves.length > leafLimit) throw failure ?? reason
    return await planParts(plan, ['', ...leaves], alone)
  }
}

/** More leaves than this are not planned one by one. */
const leafLimit = 100

async function planParts(plan: PlanPart, names: readonly string[], nameOf: Part['nameOf']): Promise<PlannedSteps> {
  const parts: Step[] = []
  // One after the other, so that a part which fails keeps the rest from being tried.
  for (const name of names) {
    const { steps } = await plan({ name, nameOf })
    if (steps) parts.push(steps)
  }
  return { primary: undefined, steps: inOrder(parts) }
}

function leafNames(place: Place): string[] {
  return [...place.fetched.values()].flatMap(({ key, place: below }) =>
    below ? leafNames(below) : [leafName(place, key)],
  )
}

function leafName(parent: Place, key: string): string {
  return `${parent.id} ${key}`
}

function selectedFields(place: Place, names = new Set<string>()): Set<string> {
  for (const { field, place: below } of place.fetched.values()) {
    names.add(field.name)
    if (below) selectedFields(below, names)
  }
  return names
}

/** Whether a representation would have one field from two sources. */
function mixesArguments(step: Step): boolean {
  if (step.kind === 'root') return false
  if (step.kind !== 'entities') return step.steps.some(mixesArguments)
  return step.parts.some(({ requires }) => requires.some(hasRivals))
}

function hasRivals(selection: RequiresSelection): boolean {
  if (selection.kind === 'FragmentSpread') return false
  const inside = selection.selections ?? []
  const fields = inside.filter((inner) => inner.kind === 'Field')
  const sources = new Set(fields.map(({ name, alias }) => `${alias ?? name} ${name}`))
  return sources.size > new Set(fields.map(({ name, alias }) => alias ?? name)).size || inside.some(hasRivals)
}
