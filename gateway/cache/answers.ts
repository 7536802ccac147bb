import { Kind } from 'graphql'
import { PolicySum } from '../../lib/cache-control.ts'
import type { Engine, EngineResponse, OperationRequest } from '../engine/types.ts'
import type { Freshness } from './freshness.ts'
import type { KeptTexts, Reader } from './kept.ts'

/**
 * Puts whole answers of queries into a cache, for as long as every part of them may be kept, and tells with each answer
 * how long that is. Answers with errors are never kept.
 * @param kept Where they are put; without it they only tell.
 */
export function withKeptAnswers<E extends Engine>(engine: E, freshness: Freshness, kept?: KeptTexts): E {
  const execute = async (request: OperationRequest): Promise<EngineResponse> => {
    const kind = kindOf(request)
    if (kind === 'query') {
      const response = await (kept ? fromCache(engine, kept, request) : told(engine, request))
      return freshness.isByTime ? response : { ...response, cachePolicy: undefined }
    }
    try {
      return await engine.execute(request)
    } finally {
      if (kind === 'mutation') freshness.changed()
    }
  }
  return { ...engine, execute }
}

async function fromCache(engine: Engine, kept: KeptTexts, asked: OperationRequest): Promise<EngineResponse> {
  const request = { ...asked, context: { ...asked.context, readUnder: kept.tag } }
  const { context, query, operationName = '', variables } = request
  const reader = byRights(kept.readerOf(context), request)
  const what = JSON.stringify(['answer', operationName, query, variables])
  const now = () => context.clock.now().getTime()
  const known = await kept.find(reader, 'answer', what, now())
  if (known) return { text: known.text, errors: [], cachePolicy: known.policy }
  const response = await told(engine, request)
  const { text, cachePolicy: policy } = response
  if (policy) await kept.keep(reader, what, { text, policy }, now())
  return response
}

/** What a viewer may see of a graph depends on his rights, even of what is public. */
function byRights(reader: Reader, { context: { viewer } }: OperationRequest): Reader {
  const rights = viewer && [viewer.role, [...viewer.scopes].sort()]
  return { ...reader, common: `${reader.common}|${JSON.stringify(rights)}` }
}

async function told(engine: Engine, request: OperationRequest): Promise<EngineResponse> {
  const sum = new PolicySum()
  const response = await engine.execute({ ...request, context: { ...request.context, cachePolicy: sum } })
  const { policy } = sum
  return policy === undefined || response.errors.length > 0 ? response : { ...response, cachePolicy: policy }
}

function kindOf({ document, operationName }: OperationRequest): string | undefined {
  for (const node of document.definitions) {
    if (node.kind !== Kind.OPERATION_DEFINITION) continue
    if (operationName === undefined || node.name?.value === operationName) return node.operation
  }
  return undefined
}
