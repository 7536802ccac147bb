import type { GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import { type Compiled, compile } from './compile/compile.ts'
import { type Selection, ShapeFinder } from './compile/shape.ts'
import { compileIntrospection, type Introspection } from './introspection.ts'
import { Normalizer } from './normalize.ts'
import {
  type PreparedOperation,
  prepareOperation,
  type SettledOperation,
  settleOperation,
  switchKey,
} from './operation.ts'
import { type Place, PlaceFinder } from './place.ts'
import type { OverrideChoice, OverrideChooser, Planner } from './planner.ts'
import { inOrder, type PlannedSteps, readPlan } from './steps.ts'
import type { Supergraph } from './supergraph.ts'
import type { OperationRequest } from './types.ts'

/** Everything that is worked out once for an operation, however often it runs. */
export interface OperationPlan extends Compiled {
  readonly kind: 'query' | 'mutation' | 'subscription'
  readonly selection: Selection
  readonly introspection: Introspection | undefined
}

/** An operation in the cache, before it is known which of its fields are left out. */
export interface CachedOperation extends PreparedOperation {
  readonly plans: LRUCache<string, Promise<OperationPlan>>
}

/** Each `@skip` or `@include` variable doubles the ways through an operation; beyond this many the oldest goes. */
const plansPerOperation = 64

/** Plans and their compiled code, by the operation's text, its name, its switches and the choice of overrides. */
export class PlanCache {
  readonly #supergraph: Supergraph
  readonly #planner: Planner
  readonly #chooser: OverrideChooser
  readonly #operations: LRUCache<string, CachedOperation>

  constructor(supergraph: Supergraph, planner: Planner, chooser: OverrideChooser, size: number) {
    this.#supergraph = supergraph
    this.#planner = planner
    this.#chooser = chooser
    this.#operations = new LRUCache({ max: size })
  }

  get schema(): GraphQLSchema {
    return this.#supergraph.schema
  }

  operation({ query, document, operationName }: OperationRequest): CachedOperation {
    const key = operationName === undefined ? query : `${operationName}\n${query}`
    let operation = this.#operations.get(key)
    if (!operation) {
      const prepared = prepareOperation(this.#supergraph.schema, document, operationName)
      operation = { ...prepared, plans: new LRUCache({ max: plansPerOperation }) }
      this.#operations.set(key, operation)
    }
    return operation
  }

  /** The plan for one run; two runs that ask for a new one at the same time share the planning. */
  plan(operation: CachedOperation, variables: Readonly<Record<string, unknown>>): Promise<OperationPlan> {
    const { key: overrides, choice } = this.#chooser.choose()
    const key = overrides === '' ? switchKey(operation, variables) : `${switchKey(operation, variables)}|${overrides}`
    let plan = operation.plans.get(key)
    if (!plan) {
      plan = this.#build(settleOperation(operation, variables), choice)
      operation.plans.set(key, plan)
      // A failure is not kept: it may have been the moment's.
      plan.catch(() => operation.plans.delete(key))
    }
    return plan
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
    }
  }

  async #steps(operation: SettledOperation, place: Place, choice: OverrideChoice): Promise<PlannedSteps> {
    const normalizer = new Normalizer(this.#supergraph, operation)
    const text = normalizer.text(place)
    if (text === undefined) return { primary: undefined, steps: undefined }
    const whole = readPlan(await this.#planner.plan(text, choice))
    const fields = [...place.fetched.values()]
    if (operation.definition.operation !== 'mutation' || fields.length < 2 || whole.steps?.kind === 'root') return whole
    // A mutation's fields run one after the other, each with all that is below it; the planner starts the next one
    // while it still fetches below the one before. So each is planned alone, and they run in order.
    const texts = fields.flatMap(({ key }) => normalizer.text(place, key) ?? [])
    const alone = await Promise.all(texts.map((each) => this.#planner.plan(each, choice)))
    return { primary: undefined, steps: inOrder(alone.flatMap((plan) => readPlan(plan).steps ?? [])) }
  }
}
