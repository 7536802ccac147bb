import { toGlobalId, uuidOf } from '../../../lib/ids.ts'
import { invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkObject, checkShare, checkText, firstProblem, limits, type Path } from '../limits.ts'
import { insertChain, removeChain } from '../store/reasoning.ts'
import type { Deleting } from './deleting.ts'
import { activeSession } from './sessions-named.ts'
import { removeTextsOf, storeDrafts, vectorOf } from './texts.ts'

interface StepInput {
  readonly thought: string
  readonly evidence?: readonly string[] | null
  readonly confidence?: number | null
}

export interface RecordReasoningChainInput {
  readonly sessionId: string
  readonly steps: readonly StepInput[]
  readonly confidence?: number | null
  readonly data?: unknown
  readonly clientMutationId?: string | null
}

/** Keeps how an answer was reasoned out in a session of the viewer's. */
export async function recordReasoningChain(context: MemoryContext, input: RecordReasoningChainInput) {
  const problem = checkChain(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'recordReasoningChain', input, room: 'memory' }, async ({ tx, append }) => {
    const session = await activeSession(context, tx, input.sessionId, 'locked')
    const id = stores.ids.next()
    const steps = input.steps.map(({ thought, evidence, confidence }) => ({
      thought,
      evidence: evidence ?? [],
      confidence: confidence ?? null,
    }))
    const { data, confidence } = input
    const draft = { id, sessionId: session.id, data: data ?? {}, steps, confidence: confidence ?? null }
    await insertChain(tx, viewer, draft, stores.clock.now())
    const payload = { sessionId: session.id }
    const thoughts = vectorOf(context, {
      collection: 'REASONING_KNOWLEDGE',
      kind: 'KNOWLEDGE',
      content: steps.map(({ thought }) => thought).join('\n'),
      sessionId: session.id,
      of: { chain: toGlobalId('ReasoningChain', id) },
    })
    await append([
      ...(await storeDrafts(context, tx, [thoughts])),
      { kind: 'REASONING_RECORDED', type: 'ReasoningChain', id, after: [viewer.userId], payload },
    ])
    return { __typename: 'RecordReasoningChainSuccess', chainId: id } satisfies Answer
  })
}

/** Removes a chain of the viewer's. */
export async function deleteReasoningChain(context: MemoryContext, input: Deleting) {
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'deleteReasoningChain', input, room: 'memory' }, async ({ tx, append }) => {
    const id = uuidOf('ReasoningChain', input.id)
    if (id === null || !(await removeChain(tx, id))) throw new ProblemError(notFound('reasoning chain', 'input', 'id'))
    const chainId = toGlobalId('ReasoningChain', id)
    await append([
      ...(await removeTextsOf(context, tx, 'REASONING_KNOWLEDGE', { chain: chainId })),
      { kind: 'REASONING_DELETED', type: 'ReasoningChain', id, version: 2, before: [viewer.userId] },
    ])
    return { __typename: 'DeleteReasoningChainSuccess', chainId } satisfies Answer
  })
}

function checkChain({ steps, confidence, data }: RecordReasoningChainInput): Problem | null {
  if (steps.length === 0) return invalidInput('At least one step.', 'input', 'steps')
  if (steps.length > limits.chainSteps) {
    return limitExceeded(`At most ${limits.chainSteps} steps.`, 'input', 'steps')
  }
  return firstProblem(
    () => checkShare(confidence, ['input', 'confidence']),
    () => checkObject(data, ['input', 'data']),
    ...steps.map((step, i) => () => checkStep(step, ['input', 'steps', `${i}`])),
  )
}

function checkStep({ thought, evidence, confidence }: StepInput, path: Path): Problem | null {
  const texts = evidence ?? []
  return firstProblem(
    () => checkText(thought, limits.thought, [...path, 'thought'], 1),
    () => checkShare(confidence, [...path, 'confidence']),
    () =>
      texts.length > limits.stepEvidence
        ? limitExceeded(`At most ${limits.stepEvidence} pieces of evidence.`, ...path, 'evidence')
        : null,
    ...texts.map((text, i) => () => checkText(text, limits.evidence, [...path, 'evidence', `${i}`], 1)),
  )
}
