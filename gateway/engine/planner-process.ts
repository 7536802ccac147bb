import { QueryPlanner } from '@graphql-hive/router-query-planner'
import type { PlannerReply, PlannerTask } from './planner-host.ts'

// The process that plans. It is apart from the gateway because a panic in the planner's native code ends the process
// that it runs in, and an operation of a client can bring one about.

const planners = new Map<number, QueryPlanner>()

process.on('message', (task: PlannerTask) => {
  process.send?.(answer(task))
})
// Without the gateway there is nothing to plan for.
process.on('disconnect', () => process.exit())

class MissingSupergraph extends Error {}

function answer(task: PlannerTask): PlannerReply {
  try {
    return { result: run(task) }
  } catch (error) {
    if (error instanceof MissingSupergraph) return { missing: true }
    return { failure: error instanceof Error ? error.message : String(error) }
  }
}

function run(task: PlannerTask): unknown {
  switch (task.kind) {
    case 'load':
      planners.set(task.graph, new QueryPlanner(task.supergraph))
      return null
    case 'drop':
      planners.delete(task.graph)
      return null
    case 'plan': {
      const planner = planners.get(task.graph)
      if (!planner) throw new MissingSupergraph()
      return planner.plan(task.operation, undefined, new Set(task.labels), task.percentage)
    }
  }
}
