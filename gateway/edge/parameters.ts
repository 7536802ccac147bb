/** The parameters of a request of GraphQL over HTTP, each of the right type. */
export interface Parameters {
  readonly query: string
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
}

/** The parameters of a POST body, or null when it is not a well-formed request. */
export function bodyParameters(body: unknown): Parameters | null {
  if (!isRecord(body)) return null
  const { query, operationName, variables, extensions } = body
  if (typeof query !== 'string' || query === '') return null
  if (!isAbsent(operationName) && typeof operationName !== 'string') return null
  if (!isAbsent(variables) && !isRecord(variables)) return null
  if (!isAbsent(extensions) && !isRecord(extensions)) return null
  if (isRecord(extensions) && extensions.persistedQuery !== undefined) return null
  return {
    query,
    operationName: typeof operationName === 'string' ? operationName : undefined,
    variables: isRecord(variables) ? variables : {},
  }
}

/** The parameters of a GET request's query string (with its `?`), or null when it is not a well-formed request. */
export function searchParameters(search: string): Parameters | null {
  const values = new URLSearchParams(search)
  const once = ['query', 'operationName', 'variables', 'extensions'].every((name) => values.getAll(name).length < 2)
  if (!once) return null
  const variables = parseJson(values.get('variables'))
  const extensions = parseJson(values.get('extensions'))
  if (variables === malformed || extensions === malformed) return null
  return bodyParameters({
    query: values.get('query'),
    operationName: values.get('operationName'),
    variables,
    extensions,
  })
}

const malformed = Symbol('malformed')

function parseJson(text: string | null): unknown {
  if (text === null) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return malformed
  }
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
