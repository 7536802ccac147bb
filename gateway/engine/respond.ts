import { type GraphQLError, type GraphQLFormattedError, getVariableValues } from 'graphql'
import { complete } from './compile/complete.ts'
import { unfit } from './compile/project.ts'
import type { Execution } from './execution.ts'
import type { CachedOperation, OperationPlan, PlanCache } from './plan-cache.ts'
import type { EngineResponse } from './types.ts'

/** The response of a run that is over. */
export function respond(
  plan: OperationPlan,
  { data, errors, gone }: Execution,
  variables: Readonly<Record<string, unknown>>,
  extensions?: Readonly<Record<string, unknown>>,
): EngineResponse {
  plan.introspection?.addTo(data, variables)
  if (errors.isEmpty) {
    try {
      return response(plan.project(data), [], extensions)
    } catch (reason) {
      if (reason !== unfit) throw reason
    }
  }
  const completed = complete(plan.selection, data, errors.root, gone)
  return response(completed.text, completed.errors, extensions)
}

function response(
  data: string,
  errors: readonly GraphQLFormattedError[],
  extensions: Readonly<Record<string, unknown>> | undefined,
): EngineResponse {
  let text = `{"data":${data}`
  if (errors.length > 0) text += `,"errors":${JSON.stringify(errors)}`
  if (extensions !== undefined) text += `,"extensions":${JSON.stringify(extensions)}`
  return { text: `${text}}`, errors }
}

/** The answer to a request that could not begin: it has no data at all. */
export function requestErrors(errors: readonly GraphQLFormattedError[]): EngineResponse {
  return { text: `{"errors":${JSON.stringify(errors)}}`, errors }
}

type Coerced =
  | { readonly coerced: Record<string, unknown>; readonly errors?: undefined }
  | { readonly errors: readonly GraphQLFormattedError[] }

/** Brings variables to the types of the operation, with its defaults filled in. */
export function coerceVariables(
  plans: PlanCache,
  { definition }: CachedOperation,
  given: Record<string, unknown>,
): Coerced {
  const definitions = definition.variableDefinitions
  if (!definitions?.length) return { coerced: {} }
  const { coerced, errors } = getVariableValues(plans.schema, definitions, given)
  return errors ? { errors: errors.map(badInput) } : { coerced }
}

function badInput(error: GraphQLError): GraphQLFormattedError {
  const { message, locations } = error.toJSON()
  return { message, ...(locations ? { locations } : {}), extensions: { code: 'BAD_USER_INPUT' } }
}

export function asFormatted(error: unknown): GraphQLFormattedError {
  const { message, extensions } = error as GraphQLError
  return { message: String(message ?? error), extensions: { code: 'INTERNAL_SERVER_ERROR', ...extensions } }
}
