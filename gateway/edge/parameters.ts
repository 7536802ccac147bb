import type { DocumentReference } from '../guard/documents.ts'

/** The parameters of a request of GraphQL over HTTP, each of the right type. */
export interface Parameters {
  readonly document: DocumentReference
  readonly operationName: string | undefined
  readonly variables: Record<string, unknown>
  /** Whether the answer shall tell what the operation costs: `extensions: { cost: true }`. */
  readonly asksForCost: boolean
}

/** The parameters of a POST body, or null when it is not a well-formed request. */
export function bodyParameters(body: unknown): Parameters | null {
  if (!isRecord(body)) return null
  const { operationName, variables, extensions } = body
  if (!isAbsent(extensions) && !isRecord(extensions)) return null
  const document = referenceIn(body, extensions?.persistedQuery)
  if (document === null) return null
  if (!isAbsent(operationName) && typeof operationName !== 'string') return null
  if (!isAbsent(variables) && !isRecord(variables)) return null
  return {
    document,
    operationName: typeof operationName === 'string' ? operationName : undefined,
    variables: isRecord(variables) ? variables : {},
    asksForCost: extensions?.cost === true,
  }
}

/** What the request says of its document; null when it says nothing, or not in the right types. */
function referenceIn(
  { query, documentId }: Record<string, unknown>,
  persistedQuery: unknown,
): DocumentReference | null {
  const isGiven = (value: unknown) => !isAbsent(value) && value !== ''
  const text = isGiven(query) ? query : undefined
  const id = isGiven(documentId) ? documentId : undefined
  const persisted = isAbsent(persistedQuery) ? undefined : persistedQuery
  if (text === undefined && id === undefined && persisted === undefined) return null
  if (text !== undefined && typeof text !== 'string') return null
  if (id !== undefined && typeof id !== 'string') return null
  if (persisted !== undefined && !isRecord(persisted)) return null
  return { text, id, persisted }
}

/** The parameters of a GET request's query string (with its `?`), or null when it is not a well-formed request. */
export function searchParameters(search: string): Parameters | null {
  const values = new URLSearchParams(search)
  const once = ['query', 'documentId', 'operationName', 'variables', 'extensions'].every(
    (name) => values.getAll(name).length < 2,
  )
  if (!once) return null
  const variables = parseJson(values.get('variables'))
  const extensions = parseJson(values.get('extensions'))
  if (variables === malformed || extensions === malformed) return null
  return bodyParameters({
    query: values.get('query'),
    documentId: values.get('documentId'),
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
