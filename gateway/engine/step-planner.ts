import type { RequiresSelection } from '@graphql-hive/router-query-planner'
import { FieldwisePlanner } from './fieldwise/planner.ts'
import { Normalizer, type Part } from './normalize.ts'
import type { SettledOperation } from './operation.ts'
import type { Place } from './place.ts'
import type { OverrideChoice, Planner } from './planner.ts'
import { inOrder, type PlannedSteps, readPlan, type Step } from './steps.ts'
import type { Supergraph } from './supergraph.ts'

type PlanPart = (part?: Part) => Promise<PlannedSteps>

const nothing: PlannedSteps = { primary: undefined, steps: undefined }

/**
 * Plans what to fetch. The native planner makes the better plans and is asked first; where it fails, or is known to
 * plan what is not right, the operation is planned field by field.
 */
export class StepPlanner {
  readonly #supergraph: Supergraph
  readonly #planner: Planner
  readonly #fieldwise: FieldwisePlanner

  constructor(supergraph: Supergraph, planner: Planner) {
    this.#supergraph = supergraph
    this.#planner = planner
    this.#fieldwise = new FieldwisePlanner(supergraph)
  }

  /** @throws Error when there is no way to something that the operation asks for. */
  async plan(operation: SettledOperation, place: Place, choice: OverrideChoice): Promise<PlannedSteps> {
    const normalizer = new Normalizer(this.#supergraph, operation)
    const names = selectedFields(place)
    const plan = async (part?: Part): Promise<PlannedSteps> => {
      const text = normalizer.text(place, part)
      return text === undefined ? nothing : this.#planText(text, names, choice)
    }
    return operation.definition.operation === 'mutation' ? planMutation(place, plan) : this.#planWhole(names, plan)
  }

  async #planText(text: string, names: ReadonlySet<string>, choice: OverrideChoice): Promise<PlannedSteps> {
    let failure: unknown
    if (!this.#fieldwise.isNeededFor(names)) {
      try {
        const planned = readPlan(await this.#planner.plan(text, choice))
        if (!planned.steps || !mixesArguments(planned.steps)) return planned
      } catch (reason) {
        failure = reason
      }
    }
    try {
      return this.#fieldwise.plan(text, choice)
    } catch {
      if (failure !== undefined) throw failure
      return readPlan(await this.#planner.plan(text, choice))
    }
  }

  /**
   * With interface objects, which are not planned field by field, fields that require others are planned apart where
   * two of them require one field with different arguments: the value for one would be sent as if it were the other's.
   */
  async #planWhole(names: ReadonlySet<string>, plan: PlanPart): Promise<PlannedSteps> {
    const all = await plan()
    if (!all.steps || !mixesArguments(all.steps)) return all
    const requiring = [...names].filter((name) => this.#supergraph.requiringFields.has(name))
    return planParts(plan, ['', ...requiring], ({ field }) => (requiring.includes(field.name) ? field.name : undefined))
  }
}

/**
 * A mutation's fields run one after the other, each with all that is below it. The planner would start the next one
 * while it still fetches below the one before; so unless one subgraph answers all, each is planned alone.
 */
async function planMutation(root: Place, plan: PlanPart): Promise<PlannedSteps> {
  const all = await plan()
  if (root.fetched.size < 2 || all.steps?.kind === 'root') return all
  const keys = [...root.fetched.values()].map(({ key }) => key)
  return planParts(plan, keys, ({ key }, parent) => (parent === root ? key : undefined))
}

async function planParts(plan: PlanPart, names: readonly string[], nameOf: Part['nameOf']): Promise<PlannedSteps> {
  const parts: Step[] = []
  // One after the other, so that a part which fails keeps the rest from being tried.
  for (const name of names) {
    const { steps } = await plan({ name, nameOf })
    if (steps) parts.push(steps)
  }
  return { primary: undefined, steps: inOrder(parts) }
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
