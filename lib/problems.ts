import type { ProblemCode } from './errors.ts'

/** An expected failure of a mutation, as the graph shows it. */
export interface Problem {
  readonly __typename: string
  readonly code: ProblemCode
  readonly message: string
  readonly path: readonly string[] | null
}

/** Thrown by a service to end its work, roll back what it did, and answer with the problem. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.message)
    this.problem = problem
  }
}

export function invalidInput(message: string, ...path: string[]): Problem {
  return { __typename: 'InvalidInput', code: 'INVALID_INPUT', message, path }
}

/** Says the same of what is not there and of what is another's. */
export function notFound(what: string, ...path: string[]): Problem {
  return { __typename: 'NotFound', code: 'NOT_FOUND', message: `There is no such ${what}.`, path }
}

export function conflict(message: string, ...path: string[]): Problem {
  return { __typename: 'Conflict', code: 'CONFLICT', message, path }
}

export function limitExceeded(message: string, ...path: string[]): Problem {
  return { __typename: 'LimitExceeded', code: 'LIMIT_EXCEEDED', message, path }
}

export function forbidden(message: string, ...path: string[]): Problem {
  return { __typename: 'Forbidden', code: 'FORBIDDEN', message, path }
}
