import type { SubgraphResponse } from '../types.ts'
import { unavailable } from './failure.ts'

interface Head {
  readonly status: number
  readonly contentType: string
}

/** Reads a whole answer's text. Any status passes with a GraphQL response in JSON, as GraphQL over HTTP has it. */
export function readAnswer(subgraph: string, { status, contentType }: Head, text: string): SubgraphResponse {
  if (!isJson(contentType)) {
    throw unavailable(subgraph, `answered ${contentType || 'no content type'} with status ${status}, not JSON`)
  }
  return readResponse(subgraph, text, `with status ${status}`)
}

/** Reads one GraphQL response. */
export function readResponse(subgraph: string, text: string, where: string): SubgraphResponse {
  let response: unknown
  try {
    response = JSON.parse(text)
  } catch {
    throw unavailable(subgraph, `answered broken JSON ${where}`)
  }
  if (!isResponse(response)) throw unavailable(subgraph, `answered JSON that is no GraphQL response ${where}`)
  return response
}

/** A stream of one response: the answer of a subscription that did not begin. */
export async function* single(response: SubgraphResponse): AsyncGenerator<SubgraphResponse> {
  yield response
}

export function isJson(contentType: string): boolean {
  return /^application\/([\w.-]+\+)?json\b/i.test(contentType.trim())
}

function isResponse(value: unknown): value is SubgraphResponse {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
  const { data, errors } = value as { data?: unknown; errors?: unknown }
  const hasErrors = Array.isArray(errors) && errors.every((error) => error !== null && typeof error === 'object')
  return (errors === undefined || errors === null || hasErrors) && (data !== undefined || hasErrors)
}
