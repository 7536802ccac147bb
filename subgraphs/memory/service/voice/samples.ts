import { toGlobalId, uuidOf } from '../../../../lib/ids.ts'
import { invalidInput, notFound, type Problem, ProblemError } from '../../../../lib/problems.ts'
import type { Transaction } from '../../../../stores/postgres/postgres.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkObject, checkShare, checkText, firstProblem, limits, requireVersion } from '../../limits.ts'
import type { VectorDraft } from '../../store/vectors.ts'
import {
  insertLogs,
  insertSample,
  type LogDraft,
  removeSample,
  type SampleState,
  sampleByHash,
  samplesByIds,
  updateSample,
  voiceSettingsOf,
} from '../../store/voice.ts'
import type { VoiceRecord, VoiceStatus } from '../../voice-records.ts'
import { namedSession } from '../sessions-named.ts'
import { removeTextsOf, storeDrafts, vectorOf } from '../texts.ts'
import { type Audio, type AudioInput, dropAudio, keepAudio, readAudio } from './audio.ts'
import { cacheProcessing, forgetProcessing, requireStep, voiceEvent } from './states.ts'

export interface RegisterVoiceSampleInput extends AudioInput {
  readonly sessionId?: string | null
  readonly clientMutationId?: string | null
}

export interface AdvanceVoiceSampleInput {
  readonly id: string
  readonly status: VoiceStatus
  readonly expectedVersion?: number | null
  readonly progress?: number | null
  readonly transcript?: string | null
  readonly confidence?: number | null
  readonly result?: unknown
  readonly problem?: string | null
  readonly details?: unknown
  readonly tookMs?: number | null
  readonly clientMutationId?: string | null
}

export interface DeleteVoiceSampleInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

/** Keeps a sample, or finds the viewer's one of the same audio. */
export async function registerVoiceSample(context: MemoryContext, input: RegisterVoiceSampleInput) {
  const audio = readAudio(input)
  if ('code' in audio) return audio
  const { stores, request, viewer } = context
  const answer = await mutate(
    stores,
    request,
    { name: 'registerVoiceSample', input: briefly(input, audio), room: 'memory' },
    async (unit) => {
      await unit.tx.lock(lockOf(context, audio))
      const found = await sampleByHash(unit.tx, viewer, audio.hash)
      if (found) return { __typename: 'RegisterVoiceSampleSuccess', sampleId: found.id, added: false } satisfies Answer
      const sessionId = await ownSession(context, unit.tx, input.sessionId)
      const id = await addSample(context, unit, input, audio, { sessionId, messageId: null })
      return { __typename: 'RegisterVoiceSampleSuccess', sampleId: id, added: true } satisfies Answer
    },
  )
  if ('added' in answer && answer.added) await tellPending(context, answer.sampleId)
  return answer
}

/** Puts a sample and its audio in its place; the audio must be locked. */
export async function addSample(
  context: MemoryContext,
  { tx, append }: Unit,
  { mediaType, metadata }: AudioInput,
  audio: Audio,
  said: { readonly sessionId: string | null; readonly messageId: string | null },
): Promise<string> {
  const { stores, viewer } = context
  const id = stores.ids.next()
  const now = stores.clock.now()
  const draft = {
    id,
    audioHash: audio.hash,
    mediaType,
    audioBytes: audio.bytes?.length ?? null,
    metadata: metadata ?? {},
    ...said,
  }
  await insertSample(tx, viewer, draft, now)
  const first: LogDraft = {
    id: stores.ids.next(),
    sampleId: id,
    fromStatus: null,
    toStatus: 'PENDING',
    details: null,
    tookMs: null,
  }
  await insertLogs(tx, viewer, [first], now)
  await append([voiceEvent(viewer.userId, id, 'VOICE_REGISTERED', 1)])
  await keepAudio(context, tx, audio)
  return id
}

/** Takes a sample one step on. */
export async function advanceVoiceSample(context: MemoryContext, input: AdvanceVoiceSampleInput) {
  const problem = checkStep(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  const answer = await mutate(stores, request, { name: 'advanceVoiceSample', input, room: 'memory' }, async (unit) => {
    const sample = await lockSample(context, unit.tx, input.id)
    requireVersion('sample', sample.version, input.expectedVersion)
    requireStep(sample.status, input.status)
    const state = await advance(context, unit, sample, input)
    return { __typename: 'AdvanceVoiceSampleSuccess', sampleId: sample.id, version: state.version } satisfies Answer
  })
  if ('sampleId' in answer) {
    const { status, progress = null } = input
    const updatedAt = stores.clock.now().toISOString()
    await cacheProcessing(stores, viewer, answer.sampleId, { status, progress, updatedAt, version: answer.version })
  }
  return answer
}

type Step = Pick<
  AdvanceVoiceSampleInput,
  'status' | 'transcript' | 'confidence' | 'result' | 'problem' | 'details' | 'tookMs'
> & {
  readonly messageId?: string
  readonly sessionId?: string
}

/** Writes one step of a sample that is locked, whose audio is let go at the end if its owner wants that. */
export async function advance(
  context: MemoryContext,
  unit: Unit,
  sample: VoiceRecord,
  step: Step,
): Promise<VoiceRecord> {
  const { tx, append } = unit
  const { stores, viewer } = context
  const now = stores.clock.now()
  const done = step.status === 'COMPLETED'
  const lets = done && sample.audioBytes !== null && !(await voiceSettingsOf(tx, viewer)).keepAudio
  const state: SampleState = {
    id: sample.id,
    status: step.status,
    transcript: done ? (step.transcript ?? null) : sample.transcript,
    confidence: done ? (step.confidence ?? null) : sample.confidence,
    result: done ? (step.result ?? null) : sample.result,
    problem: step.status === 'FAILED' ? (step.problem ?? null) : null,
    audioBytes: lets ? null : sample.audioBytes,
    sessionId: step.sessionId ?? sample.sessionId,
    messageId: step.messageId ?? sample.messageId,
    version: sample.version + 1,
  }
  await updateSample(tx, state, now)
  const log: LogDraft = {
    id: stores.ids.next(),
    sampleId: sample.id,
    fromStatus: sample.status,
    toStatus: step.status,
    details: step.details ?? null,
    tookMs: step.tookMs ?? null,
  }
  await insertLogs(tx, viewer, [log], now)
  await append([
    ...(await storeDrafts(context, tx, done ? textsOf(context, state) : [])),
    voiceEvent(viewer.userId, sample.id, `VOICE_${step.status}`, state.version),
  ])
  if (lets) await dropAudio(context, unit, sample.audioHash)
  return { ...sample, ...state, updatedAt: now }
}

const ofSample = (id: string) => ({ voiceSample: toGlobalId('VoiceSample', id) })

/** What was said is found by its meaning as long as the sample is there, whatever becomes of its session. */
function textsOf(context: MemoryContext, { id, transcript }: SampleState): VectorDraft[] {
  if (transcript === null) return []
  const said = { collection: 'VOICE_PATTERNS', kind: 'CONTEXT', content: transcript, sessionId: null } as const
  return [vectorOf(context, { ...said, of: ofSample(id) })]
}

/** Removes a sample with its audio and its log. */
export async function deleteVoiceSample(context: MemoryContext, input: DeleteVoiceSampleInput) {
  const { stores, request, viewer } = context
  const answer = await mutate(stores, request, { name: 'deleteVoiceSample', input, room: 'memory' }, async (unit) => {
    const sample = await lockSample(context, unit.tx, input.id)
    await removeSample(unit.tx, sample.id)
    await unit.append([
      ...(await removeTextsOf(context, unit.tx, 'VOICE_PATTERNS', ofSample(sample.id))),
      voiceEvent(viewer.userId, sample.id, 'VOICE_DELETED', sample.version + 1),
    ])
    await dropAudio(context, unit, sample.audioHash)
    return {
      __typename: 'DeleteVoiceSampleSuccess',
      sampleId: toGlobalId('VoiceSample', sample.id),
      row: sample.id,
    } satisfies Answer
  })
  if ('row' in answer) await forgetProcessing(stores, viewer, answer.row)
  return answer
}

function checkStep(input: AdvanceVoiceSampleInput): Problem | null {
  const { status, progress, confidence, tookMs, problem } = input
  const only = (name: 'transcript' | 'confidence' | 'result', wanted: VoiceStatus) =>
    input[name] != null && status !== wanted ? invalidInput(`Only for ${wanted}.`, 'input', name) : null
  return firstProblem(
    () => checkTranscript(input.transcript),
    () => checkText(problem, limits.title, ['input', 'problem'], 1),
    () => checkObject(input.result, ['input', 'result']),
    () => checkObject(input.details, ['input', 'details']),
    () => checkShare(progress, ['input', 'progress']),
    () => checkShare(confidence, ['input', 'confidence']),
    () =>
      tookMs != null && !(tookMs >= 0 && tookMs <= 1e9) ? invalidInput('0–1,000,000,000.', 'input', 'tookMs') : null,
    () => only('transcript', 'COMPLETED'),
    () => only('confidence', 'COMPLETED'),
    () => only('result', 'COMPLETED'),
    () => (status === 'FAILED' && problem == null ? invalidInput('Say why it failed.', 'input', 'problem') : null),
    () => (status !== 'FAILED' && problem != null ? invalidInput('Only for FAILED.', 'input', 'problem') : null),
  )
}

export function checkTranscript(transcript: string | null | undefined): Problem | null {
  return checkText(transcript, limits.memoryContent, ['input', 'transcript'], 1)
}

/** What is told apart by an idempotency key: the audio by its hash. */
export function briefly<I extends AudioInput>(input: I, { hash }: Audio): Omit<I, 'audio'> {
  const { audio: _, ...rest } = input
  return { ...rest, audioHash: hash }
}

export const lockOf = ({ viewer }: MemoryContext, { hash }: Pick<Audio, 'hash'>) => `voice:${viewer.userId}:${hash}`

/** The row of a session that must be the viewer's; locked, so that it is not deleted meanwhile. The audio is locked before. */
export async function ownSession(
  context: MemoryContext,
  tx: Transaction,
  globalId: string | null | undefined,
): Promise<string | null> {
  return globalId == null ? null : (await namedSession(context, tx, globalId, 'locked')).id
}

/** The viewer's sample of that id, locked until the transaction ends. */
async function lockSample(context: MemoryContext, tx: Transaction, globalId: string): Promise<VoiceRecord> {
  const id = uuidOf('VoiceSample', globalId)
  const [found] = id === null ? [] : await samplesByIds(tx, [id])
  if (!found) throw new ProblemError(notFound('voice sample', 'input', 'id'))
  await tx.lock(lockOf(context, { hash: found.audioHash }))
  const [locked] = await samplesByIds(tx, [found.id])
  if (!locked) throw new ProblemError(notFound('voice sample', 'input', 'id'))
  return locked
}

function tellPending({ stores, viewer }: MemoryContext, id: string): Promise<void> {
  const updatedAt = stores.clock.now().toISOString()
  return cacheProcessing(stores, viewer, id, { status: 'PENDING', progress: null, updatedAt, version: 1 })
}
