import { createHash } from 'node:crypto'
import { codedError } from '../../../lib/errors.ts'
import { analysesAsShipped, type ContextEngine, type Findings } from '../../../stores/context-engine/port.ts'
import { securityOf } from '../../security.ts'
import { offlineEngine } from '../analysis/offline.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkText, limits } from '../limits.ts'
import { type AnalysisRecord, findAnalysis, putAnalysis, removeOldest } from '../store/context-analyses.ts'

const hour = 3_600_000

interface Analysis extends AnalysisRecord {
  readonly degraded: readonly 'CONTEXT_ENGINE'[]
}

/** What a content is about. While another engine fails, words are counted instead, and the answer says so. */
export async function contextAnalysis(context: MemoryContext, content: string): Promise<Analysis> {
  const problem = checkText(content, limits.memoryContent, [], 1)
  if (problem) throw codedError('BAD_USER_INPUT', `\`content\`: ${problem.message}`)
  const { stores, request } = context
  if (stores.contextEngine) {
    try {
      return { ...(await analysisBy(stores.contextEngine, context, content)), degraded: [] }
    } catch (error) {
      request.signal.throwIfAborted()
      if (!(error instanceof EngineError)) throw error
      stores.logger.warn({ err: error.cause, traceId: request.traceId }, 'The context engine failed; words are counted')
    }
  }
  const degraded = stores.contextEngine ? (['CONTEXT_ENGINE'] as const) : []
  return { ...(await analysisBy(offlineEngine, context, content)), degraded }
}

/** As it is kept for the viewer, or made and kept from now on. @throws EngineError */
async function analysisBy(engine: ContextEngine, context: MemoryContext, content: string): Promise<AnalysisRecord> {
  const { stores, request, viewer } = context
  const contentHash = createHash('sha256').update(content).digest()
  const now = stores.clock.now()
  const kept = await context.read((db) => findAnalysis(db, viewer, contentHash, engine.version, now))
  if (kept) return kept
  const { result, confidence } = await findingsOf(engine, content, request.signal)
  const { hours, perOwner } = stores.analyses ?? analysesAsShipped
  const expiresAt = new Date(now.getTime() + hours * hour)
  const made = { contentHash, engineVersion: engine.version, result, confidence, createdAt: now, expiresAt }
  return stores.postgres.write(securityOf(request, 'memory'), async (tx) => {
    const put = await putAnalysis(tx, viewer, stores.ids.next(), made)
    await removeOldest(tx, viewer, perOwner)
    return put
  })
}

/** The engine's fault, not that of the database. */
class EngineError extends Error {}

async function findingsOf(engine: ContextEngine, content: string, signal: AbortSignal): Promise<Findings> {
  try {
    const findings = await engine.analyze(content, signal)
    const problem = checkObject(findings.result, [])
    if (problem) throw new Error(`the engine found what cannot be kept: ${problem.message}`)
    return findings
  } catch (cause) {
    throw new EngineError('the context engine failed', { cause })
  }
}
