import type { GraphQLSchema } from 'graphql'
import { LRUCache } from 'lru-cache'
import type { RequestContext } from '../../lib/context.ts'
import type { Gate, Refusals } from './access/gate.ts'
import type { Requirement } from './access/rules.ts'
import { type Compiled, compile } from './compile/compile.ts'
import { type Selection, ShapeFinder } from './compile/shape.ts'
import { compileIntrospection, type Introspection } from './introspection.ts'
import type { EngineObserver } from './observer.ts'
import {
  type PreparedOperation,
  prepareOperation,
  type SettledOperation,
  settleOperation,
  switchKey,
} from './operation.ts'
import { PlaceFinder } from './place.ts'
import type { OverrideChoice, OverrideChooser, Planner } from './planner.ts'
import { PlannerCrash } from './planner-host.ts'
import { StepPlanner } from './step-planner.ts'
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
  readonly key: string
  /** Of its text and of all code that was generated for it. */
  characters: number
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
  /** How long their texts and generated code may be together: some operations are a thousand times larger than others. */
  readonly characters: number
}

/** Plans and their compiled code, by the operation's text and name, its switches, overrides, and what is refused of it. */
export class PlanCache {
  readonly #supergraph: Supergraph
  readonly #steps: StepPlanner
  readonly #chooser: OverrideChooser
  readonly #gate: Gate
  readonly #operations: LRUCache<string, CachedOperation>
  readonly #observer: EngineObserver

  constructor({ supergraph, planner, chooser, gate, observer, size, characters }: PlanCacheOptions) {
    this.#supergraph = supergraph
    this.#steps = new StepPlanner(supergraph, planner)
    this.#chooser = chooser
    this.#gate = gate
    this.#observer = observer
    this.#operations = new LRUCache({ max: size, maxSize: characters, dispose: () => observer.plansKept(-1) })
  }

  get schema(): GraphQLSchema {
    return this.#supergraph.schema
  }

  operation({ query, document, operationName }: OperationRequest): CachedOperation {
    const key = operationName === undefined ? query : `${operationName}\n${query}`
    let operation = this.#operations.get(key)
    if (!operation) {
      const prepared = prepareOperation(this.#supergraph, document, operationName)
      const requirements = this.#gate.requirementsOf(document)
      const plans = new LRUCache<string, Promise<OperationPlan>>({ max: plansPerOperation })
      operation = { ...prepared, requirements, plans, key, characters: key.length + 1 }
      this.#keep(operation, operation.characters)
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
      plan.then(
        ({ source }) => this.#grow(operation, source.length),
        // A failure is not kept, since it may have been the moment's; but what ends the planner would end it again.
        (reason) => {
          if (!(reason instanceof PlannerCrash)) operation.plans.delete(key)
        },
      )
    }
    return plan
  }

  /** Lets the oldest operations go where the new code takes their room. */
  #grow(operation: CachedOperation, characters: number): void {
    operation.characters += characters
    const { key, characters: size } = operation
    if (this.#operations.peek(key) !== operation) return
    // The cache keeps the size of a value that it has, so it is put there anew.
    this.#operations.delete(key)
    this.#keep(operation, size)
  }

  #keep(operation: CachedOperation, size: number): void {
    this.#operations.set(operation.key, operation, { size })
    // One that is larger than all may be is not kept at all.
    if (this.#operations.has(operation.key)) this.#observer.plansKept(1)
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
    const planned = await this.#steps.plan(operation, place, choice)
    return {
      ...compile(this.#supergraph, planned.primary, planned.steps, selection),
      kind: operation.definition.operation,
      selection,
      introspection: compileIntrospection(this.#supergraph.schema, operation),
      isRefusedInPart: operation.refusals !== undefined,
    }
  }
}
