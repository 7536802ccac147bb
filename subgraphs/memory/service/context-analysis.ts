import { createHash } from 'node:crypto'
import { codedError } from '../../../lib/errors.ts'
import { analysesAsShipped, type ContextEngine, type Findings } from '../../../stores/context-engine/port.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { securityOf } from '../../security.ts'
import { offlineEngine } from '../analysis/offline.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkText, limits } from '../limits.ts'
import { type AnalysisRecord, findAnalyses, putAnalyses, removeOldest } from '../store/context-analyses.ts'

const hour = 3_600_000
/** How many contents of a batch an engine is asked about at once. */
const askedAtOnce = 4

type Degraded = readonly 'CONTEXT_ENGINE'[]

/** What contents are about. */
export interface Analyses {
  /** By their contents. */
  readonly found: ReadonlyMap<string, AnalysisRecord>
  /** Those that are not kept yet. */
  readonly made: readonly AnalysisRecord[]
  /** The engine that some of them had to do without. */
  readonly degraded: Degraded
}

/** What a content is about, from now on kept for the viewer. */
export async function contextAnalysis(
  context: MemoryContext,
  content: string,
): Promise<AnalysisRecord & { readonly degraded: Degraded }> {
  const problem = checkText(content, limits.memoryContent, [], 1)
  if (problem) throw codedError('BAD_USER_INPUT', `\`content\`: ${problem.message}`)
  const { found, made, degraded } = await analysesOf(context, [content])
  const security = securityOf(context.request, 'memory')
  const kept =
    made.length === 0 ? [] : await context.stores.postgres.write(security, (tx) => keepAnalyses(context, tx, made))
  const analysis = kept[0] ?? found.get(content)
  if (!analysis) throw new Error('every content has an analysis')
  return { ...analysis, degraded }
}

/** As they are kept for the viewer, or made anew. Where another engine fails, words are counted instead. */
export async function analysesOf(context: MemoryContext, contents: readonly string[]): Promise<Analyses> {
  const { contextEngine, logger } = context.stores
  if (!contextEngine) return { ...(await countWords(context, contents)), degraded: [] }
  const told = await analysesBy(contextEngine, context, contents)
  if (told.failed.length === 0) return { ...told, degraded: [] }
  const { traceId } = context.request
  logger.warn({ err: told.cause, traceId }, 'The context engine failed; words are counted')
  const counted = await countWords(context, told.failed)
  return {
    found: new Map([...told.found, ...counted.found]),
    made: [...told.made, ...counted.made],
    degraded: ['CONTEXT_ENGINE'],
  }
}

async function countWords(context: MemoryContext, contents: readonly string[]): Promise<Told> {
  const told = await analysesBy(offlineEngine, context, contents)
  if (told.failed.length > 0) throw told.cause
  return told
}

/** Keeps analyses for the viewer, at most so many; answers them as they are kept. */
export async function keepAnalyses(
  { stores, viewer }: MemoryContext,
  tx: Transaction,
  made: readonly AnalysisRecord[],
): Promise<readonly AnalysisRecord[]> {
  if (made.length === 0) return []
  const drafts = made.map((analysis) => ({ ...analysis, id: stores.ids.next() }))
  const [kept] = await Promise.all([
    putAnalyses(tx, viewer, drafts),
    removeOldest(tx, viewer, (stores.analyses ?? analysesAsShipped).perOwner),
  ])
  return kept
}

interface Told extends Omit<Analyses, 'degraded'> {
  /** The contents of which the engine told nothing, and why. */
  readonly failed: readonly string[]
  readonly cause: unknown
}

async function analysesBy(engine: ContextEngine, context: MemoryContext, contents: readonly string[]): Promise<Told> {
  const { stores, request, viewer } = context
  const hashes = new Map(contents.map((content) => [content, createHash('sha256').update(content).digest()]))
  const now = stores.clock.now()
  const kept = await context.read((db) => findAnalyses(db, viewer, [...hashes.values()], engine.version, now))
  const byHash = new Map(kept.map((analysis) => [analysis.contentHash.toString('hex'), analysis]))
  const found = new Map<string, AnalysisRecord>()
  const made: AnalysisRecord[] = []
  const failed: string[] = []
  let cause: unknown = null
  const expiresAt = new Date(now.getTime() + (stores.analyses ?? analysesAsShipped).hours * hour)
  const left = [...hashes].values()
  async function work() {
    for (const [content, contentHash] of left) {
      const known = byHash.get(contentHash.toString('hex'))
      if (known) {
        found.set(content, known)
        continue
      }
      try {
        const findings = await findingsOf(engine, content, request.signal)
        const analysis = { contentHash, engineVersion: engine.version, ...findings, createdAt: now, expiresAt }
        made.push(analysis)
        found.set(content, analysis)
      } catch (error) {
        request.signal.throwIfAborted()
        failed.push(content)
        cause = error
      }
    }
  }
  await Promise.all(Array.from({ length: askedAtOnce }, work))
  return { found, made, failed, cause }
}

async function findingsOf(engine: ContextEngine, content: string, signal: AbortSignal): Promise<Findings> {
  const { result, confidence } = await engine.analyze(content, signal)
  const problem = checkObject(result, [])
  if (problem) throw new Error(`the engine found what cannot be kept: ${problem.message}`)
  return { result, confidence }
}
