import { codedError } from '../../lib/errors.ts'
import type { GuardLimits } from '../config.ts'

type Limits = Pick<GuardLimits, 'variableDepth' | 'variableValues'>

/**
 * Refuses variables that nest deeper, or hold more values, than an operation may be given: coercion, cost and
 * resolvers walk through them, each by recursion. A variable of its own is at depth one.
 */
export function checkVariables(variables: Readonly<Record<string, unknown>>, limits: Limits): void {
  let values = 0
  const walk = (value: unknown, depth: number): void => {
    values += 1
    if (values > limits.variableValues) {
      throw codedError('QUERY_TOO_COMPLEX', `The variables hold more than ${limits.variableValues} values.`)
    }
    if (typeof value !== 'object' || value === null) return
    if (depth >= limits.variableDepth) {
      throw codedError('QUERY_TOO_COMPLEX', `The variables nest deeper than ${limits.variableDepth} levels.`)
    }
    if (Array.isArray(value)) for (const item of value) walk(item, depth + 1)
    else for (const name in value) walk((value as Record<string, unknown>)[name], depth + 1)
  }
  for (const name in variables) walk(variables[name], 1)
}
