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
 * plan what is not right, the operation is planned field by field. Interface objects are not: what stands beside them
 * at the root is planned without them, and they by the native planner alone.
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
  async plan(operation: SettledOperation, root: Place, choice: OverrideChoice): Promise<PlannedSteps> {
    const normalizer = new Normalizer(this.#supergraph, operation)
    const native: PlanPart = async (part) => {
      const text = normalizer.text(root, part)
      return text === undefined ? nothing : readPlan(await this.#planner.plan(text, choice))
    }
    const plan: PlanPart = async (part) => {
      const text = normalizer.text(root, part)
      return text === undefined ? nothing : this.#planText(text, namesOf(root, part), choice)
    }
    const planOrNative: PlanPart = (part) => plan(part).catch(() => native(part))
    if (operation.definition.operation === 'mutation') return planMutation(root, planOrNative)
    try {
      return await plan()
    } catch {
      return root.fetched.size > 1 ? planRoots(root, planOrNative) : this.#planApart(namesOf(root), native)
    }
  }

  async #planText(text: string, names: ReadonlySet<string>, choice: OverrideChoice): Promise<PlannedSteps> {
    if (!this.#fieldwise.isNeededFor(names)) {
      try {
        const planned = readPlan(await this.#planner.plan(text, choice))
        if (this.#isSound(planned)) return planned
      } catch {
        // Then it is planned field by field.
      }
    }
    return this.#fieldwise.plan(text, choice)
  }

  #isSound({ primary, steps }: PlannedSteps): boolean {
    const all = [primary, steps].filter((step) => step !== undefined)
    return all.every((step) => !mixesArguments(step) && this.#fieldwise.isAnswerable(step))
  }

  /**
   * Plans fields that require others apart where two of them require one field with different arguments: the native
   * planner would send the value for one as if it were the other's.
   */
  async #planApart(names: ReadonlySet<string>, plan: PlanPart): Promise<PlannedSteps> {
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
  if (root.fetched.size > 1) {
    const all = await plan().catch(() => undefined)
    return all?.steps?.kind === 'root' ? all : planRoots(root, plan)
  }
  return plan()
}

function planRoots(root: Place, plan: PlanPart): Promise<PlannedSteps> {
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

/** Names of the fields that are selected, or of those in a part that is one field of the root. */
function namesOf(root: Place, part?: Part): Set<string> {
  const names = new Set<string>()
  const add = (place: Place) => {
    for (const { key, field, place: below } of place.fetched.values()) {
      if (part && place === root && key !== part.name) continue
      names.add(field.name)
      if (below) add(below)
    }
  }
  add(root)
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
