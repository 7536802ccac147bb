import { type DocumentNode, GraphQLError, type GraphQLSchema, type OperationDefinitionNode } from 'graphql'
import type { Viewer } from '../../../lib/context.ts'
import { codedError } from '../../../lib/errors.ts'
import type { Clock } from '../../../lib/sources.ts'
import type { Engine } from '../../engine/types.ts'
import { actualCost } from './actual.ts'
import { type Balance, type BudgetRule, Budgets } from './budgets.ts'
import { estimate } from './estimate.ts'
import { type Expression, evaluate, type Variables } from './expression.ts'
import { type CostModel, readCostModel } from './model.ts'

export interface CostSettings {
  /** The most that one operation may cost; 0 for no limit. */
  readonly limit: number
  /** What each viewer may spend over time; null for no budget. */
  readonly budget: BudgetRule | null
  /** How long a list is taken to be of which nothing is known. */
  readonly assumedListSize: number
}

/** An operation that is about to run. It is valid. */
export interface PricedOperation {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  readonly variables: Variables
  readonly viewer: Viewer | null
  /** Whether limits for clients do not hold. */
  readonly isOwner: boolean
  /** Whether the answer shall tell what it costs. */
  readonly isAsked: boolean
}

/** What an operation is taken to cost. */
export interface Charge {
  readonly estimated: number
  readonly limit: number | undefined
  readonly balance: Balance | undefined
  /** What the answer's data did cost. */
  actual(data: unknown): number
}

/** An operation that its viewer cannot pay for now. */
export class Overspent extends GraphQLError {
  readonly balance: Balance
  /** Seconds until he can. */
  readonly retryAfter: number

  constructor(points: number, balance: Balance, retryAfter: number) {
    const message = `The operation costs ${points}, and ${balance.remaining} of the budget are left.`
    super(message, { extensions: { code: 'RATE_LIMITED', retryAfter } })
    this.balance = balance
    this.retryAfter = retryAfter
  }
}

/** Prices operations, and keeps them within the limit of one and the budget of a viewer. */
export class CostControl {
  readonly #settings: CostSettings
  readonly #budgets: Budgets | undefined
  readonly #observe: (estimated: number) => void
  readonly #models = new WeakMap<GraphQLSchema, CostModel>()
  readonly #expressions = new WeakMap<OperationDefinitionNode, { model: CostModel; cost: Expression }>()

  /** @param observe hears of each estimate, so that limits can be chosen by what is asked for. */
  constructor(settings: CostSettings, clock: Clock, observe: (estimated: number) => void = () => {}) {
    this.#observe = observe
    this.#settings = settings
    this.#budgets = settings.budget === null ? undefined : new Budgets(settings.budget, clock)
  }

  /**
   * Charges an operation before it runs; undefined when nothing limits it and nobody asks what it costs.
   * @throws a coded GraphQLError when it is beyond the limit, Overspent when it is beyond the budget for now.
   */
  charge(priced: PricedOperation, engine: Engine): Charge | undefined {
    const { viewer, isOwner, isAsked, document, operation, variables } = priced
    // Strangers share no budget: one of them could keep all others from signing in.
    const budgets = isOwner || viewer === null ? undefined : this.#budgets
    const limit = isOwner || this.#settings.limit === 0 ? undefined : this.#settings.limit
    if (limit === undefined && budgets === undefined && !isAsked) return undefined
    const { model, cost } = this.#priceOf(document, operation, engine)
    const estimated = evaluate(cost, variables)
    this.#observe(estimated)
    if (limit !== undefined && estimated > limit) throw tooDear(estimated, limit)
    const balance = budgets && viewer ? spend(budgets, viewer, estimated) : undefined
    return { estimated, limit, balance, actual: (data) => actualCost(model, document, operation, data) }
  }

  #priceOf(document: DocumentNode, operation: OperationDefinitionNode, engine: Engine) {
    const model = this.#modelOf(engine)
    let known = this.#expressions.get(operation)
    if (known?.model !== model) {
      known = { model, cost: estimate(model, document, operation) }
      this.#expressions.set(operation, known)
    }
    return known
  }

  #modelOf(engine: Engine): CostModel {
    let model = this.#models.get(engine.schema)
    if (model === undefined) {
      model = readCostModel(engine, this.#settings.assumedListSize)
      this.#models.set(engine.schema, model)
    }
    return model
  }
}

function spend(budgets: Budgets, { tenantId, userId }: Viewer, points: number): Balance {
  const { balance, retryAfter } = budgets.spend(`${tenantId} ${userId}`, points)
  if (retryAfter === undefined) return balance
  if (points > balance.limit) throw tooDear(points, balance.limit)
  throw new Overspent(points, balance, retryAfter)
}

function tooDear(estimated: number, limit: number): GraphQLError {
  return codedError('QUERY_TOO_COMPLEX', `The operation may cost ${estimated}; at most ${limit} is allowed.`, {
    cost: { estimated, limit },
  })
}
