import { createHash } from 'node:crypto'
import { codedError } from '../../../lib/errors.ts'
import { securityOf } from '../../security.ts'
import { offlineEngine } from '../analysis/offline.ts'
import type { MemoryContext } from '../context.ts'
import { checkText, limits } from '../limits.ts'
import { type AnalysisRecord, findAnalysis, putAnalysis } from '../store/context-analyses.ts'

/** How long an analysis is kept. Milliseconds. */
const timeToLive = 24 * 60 * 60 * 1000

/** What a content is about: as it is kept for the viewer, or analysed and kept from now on. */
export async function contextAnalysis(context: MemoryContext, content: string): Promise<AnalysisRecord> {
  const problem = checkText(content, limits.memoryContent, [], 1)
  if (problem) throw codedError('BAD_USER_INPUT', `\`content\`: ${problem.message}`)
  const { stores, request, viewer } = context
  const engine = stores.contextEngine ?? offlineEngine
  const contentHash = createHash('sha256').update(content).digest()
  const now = stores.clock.now()
  const kept = await context.read((db) => findAnalysis(db, viewer, contentHash, engine.version, now))
  if (kept) return kept
  const { result, confidence } = await engine.analyze(content, request.signal)
  const expiresAt = new Date(now.getTime() + timeToLive)
  const made = { contentHash, engineVersion: engine.version, result, confidence, createdAt: now, expiresAt }
  return stores.postgres.write(securityOf(request, 'memory'), (tx) => putAnalysis(tx, viewer, stores.ids.next(), made))
}
