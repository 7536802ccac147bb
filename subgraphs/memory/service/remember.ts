import { invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkAhead, checkObject, checkText, firstProblem, limits, type Path } from '../limits.ts'
import type { MemoryTier, Visibility } from '../records.ts'
import { rejectBatch } from './batch.ts'
import { analysesOf, keepAnalyses } from './context-analysis.ts'
import { keep } from './keep.ts'
import { readWritten } from './written.ts'

export interface RememberInput {
  readonly content: string
  readonly tier?: MemoryTier | null
  readonly visibility?: Visibility | null
  readonly sessionId?: string | null
  readonly occurredAt?: Date | null
  readonly externalId?: string | null
  readonly metadata?: unknown
  readonly retentionUntil?: Date | null
  readonly relatedTo?: readonly string[] | null
  readonly derivedFrom?: readonly string[] | null
  readonly contextAnalysis?: unknown
  readonly analyze?: boolean | null
  readonly clientMutationId?: string | null
}

export interface RememberManyInput {
  readonly items: readonly RememberInput[]
  readonly clientMutationId?: string | null
}

/** Keeps one memory, or finds the one of that name. */
export async function remember(context: MemoryContext, input: RememberInput) {
  const now = context.stores.clock.now()
  const problem = checkItem(input, now, ['input'])
  if (problem) return problem
  const { analysed, made, degraded } = await analyse(context, [input])
  return mutate(context.stores, context.request, { name: 'remember', input, room: 'memory' }, async (unit) => {
    const { ids, standing, missing, refusals } = await keep(context, unit, analysed, now, () => ['input'])
    const [absent] = missing
    if (absent) throw new ProblemError(notFound(absent.what, 'input', ...absent.path))
    if (refusals[0]) throw new ProblemError(refusals[0])
    unit.closing(keepAnalyses(context, unit.tx, made))
    const [memoryId] = ids
    if (standing === null && memoryId) readWritten(context, unit, memoryId)
    return { __typename: 'RememberSuccess', memoryId, standing, degraded } satisfies Answer
  })
}

/** Keeps many memories, all or none. */
export async function rememberMany(context: MemoryContext, input: RememberManyInput) {
  const { items } = input
  if (items.length < 1 || items.length > limits.batch) {
    return limitExceeded(`A batch holds 1–${limits.batch} items, not ${items.length}.`, 'input', 'items')
  }
  const analyses = items.filter(({ analyze }) => analyze).length
  if (analyses > limits.analysed) {
    const message = `At most ${limits.analysed} items are analysed in one batch, not ${analyses}.`
    return limitExceeded(message, 'input', 'items')
  }
  const now = context.stores.clock.now()
  const problems = items.map((item, i) => checkBatchItem(item, now, [String(i)])).filter((problem) => problem !== null)
  if (problems.length > 0) return rejectBatch(problems, items.length, 'items')
  const { analysed, made, degraded } = await analyse(context, items)
  return mutate(context.stores, context.request, { name: 'rememberMany', input, room: 'memory' }, async (unit) => {
    const { ids, standing, missing, refusals } = await keep(context, unit, analysed, now, (i) => [String(i)])
    if (missing.length > 0) {
      const absent = missing.map(({ what, item, path }) => notFound(what, String(item), ...path))
      throw new ProblemError(rejectBatch(absent, items.length, 'items'))
    }
    if (refusals.length > 0) throw new ProblemError(rejectBatch(refusals, items.length, 'items'))
    unit.closing(keepAnalyses(context, unit.tx, made))
    return { __typename: 'RememberManySuccess', memoryIds: ids, standing, degraded } satisfies Answer
  })
}

/** The items with what their contents are about, where that is wanted: before the transaction, since an engine takes its time. */
async function analyse(context: MemoryContext, items: readonly RememberInput[]) {
  const wanted = items.filter(({ analyze }) => analyze).map(({ content }) => content)
  if (wanted.length === 0) return { analysed: items, made: [], degraded: [] }
  const { found, made, degraded } = await analysesOf(context, wanted)
  const analysed = items.map((item) =>
    item.analyze ? { ...item, contextAnalysis: found.get(item.content)?.result } : item,
  )
  return { analysed, made, degraded }
}

function checkBatchItem(item: RememberInput, now: Date, path: Path): Problem | null {
  if (item.clientMutationId != null) {
    return invalidInput('In a batch the key is the batch’s own.', ...path, 'clientMutationId')
  }
  return checkItem(item, now, path)
}

function checkItem(item: RememberInput, now: Date, path: Path): Problem | null {
  return firstProblem(
    () => checkText(item.content, limits.memoryContent, [...path, 'content'], 1),
    () => checkText(item.externalId, limits.name, [...path, 'externalId'], 1),
    () => checkObject(item.metadata, [...path, 'metadata']),
    () => checkObject(item.contextAnalysis, [...path, 'contextAnalysis']),
    () =>
      item.analyze && item.contextAnalysis != null
        ? invalidInput('Either it is analysed, or its analysis is given.', ...path, 'analyze')
        : null,
    () => checkAhead(item.retentionUntil, now, [...path, 'retentionUntil']),
    () => checkLinks(item.relatedTo, [...path, 'relatedTo']),
    () => checkLinks(item.derivedFrom, [...path, 'derivedFrom']),
  )
}

function checkLinks(ids: readonly string[] | null | undefined, path: Path): Problem | null {
  const count = ids?.length ?? 0
  return count > limits.linked ? limitExceeded(`At most ${limits.linked} memories, not ${count}.`, ...path) : null
}
