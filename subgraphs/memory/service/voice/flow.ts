import { invalidInput, type Problem } from '../../../../lib/problems.ts'
import { type Answer, mutate, type Unit } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkShare, firstProblem } from '../../limits.ts'
import { sampleByHash, samplesByIds, voiceSettingsOf } from '../../store/voice.ts'
import type { VoiceRecord } from '../../voice-records.ts'
import { say } from '../messages.ts'
import { type Audio, type AudioInput, readAudio } from './audio.ts'
import { type Heard, hear } from './hear.ts'
import { addSample, advance, briefly, checkTranscript, lockOf, ownSession } from './samples.ts'
import { cacheProcessing } from './states.ts'

export interface ProcessVoiceInput extends AudioInput {
  readonly audio: string
  readonly transcript?: string | null
  readonly confidence?: number | null
  readonly sessionId?: string | null
  readonly remember?: boolean | null
  readonly clientMutationId?: string | null
}

/** Audio in, sample, steps, message: all or nothing; then its state is in the cache for who asks. */
export async function processVoice(context: MemoryContext, input: ProcessVoiceInput) {
  const audio = readAudio(input)
  if ('code' in audio) return audio
  const problem = checkFlow(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  // Before the transaction, which holds a connection: a model takes its time.
  const heard = await hear(context, input, audio)
  const answer = await mutate(
    stores,
    request,
    { name: 'processVoice', input: briefly(input, audio), room: 'memory' },
    async (unit) => {
      await unit.tx.lock(lockOf(context, audio))
      const sessionId = await ownSession(context, unit.tx, input.sessionId)
      const found = await sampleByHash(unit.tx, viewer, audio.hash)
      // What was done stays as it is: the same audio says the same.
      if (found?.status === 'COMPLETED') return answerOf(found, false, [])
      const messageId = await sayTranscript(context, unit, sessionId, heard.said?.transcript ?? null, input)
      const sample = found ?? (await added(context, unit, input, audio, sessionId))
      const done = heard.said ? await complete(context, unit, sample, { ...heard.said, messageId, sessionId }) : sample
      return answerOf(done, found === null, heard.degraded)
    },
  )
  if ('status' in answer) {
    const { sampleId, status, version } = answer
    const updatedAt = stores.clock.now().toISOString()
    const progress = status === 'COMPLETED' ? 1 : null
    await cacheProcessing(stores, viewer, sampleId, { status, progress, updatedAt, version })
  }
  return answer
}

function answerOf({ id, messageId, status, version }: VoiceRecord, isNew: boolean, degraded: Heard['degraded']) {
  const state = { sampleId: id, messageId, status, version, added: isNew, degraded }
  return { __typename: 'ProcessVoiceSuccess', ...state } satisfies Answer
}

/** Before anything else is written: a session's next place is under its lock. */
async function sayTranscript(
  context: MemoryContext,
  unit: Unit,
  sessionId: string | null,
  transcript: string | null,
  { remember }: ProcessVoiceInput,
): Promise<string | null> {
  if (sessionId === null || transcript === null) return null
  const remembers = remember ?? (await voiceSettingsOf(unit.tx, context.viewer)).rememberTranscripts
  const message = { role: 'USER' as const, content: transcript, remember: remembers }
  const { messageIds } = await say(context, unit, sessionId, [message])
  return messageIds[0] ?? null
}

async function added(
  context: MemoryContext,
  unit: Unit,
  input: ProcessVoiceInput,
  audio: Audio,
  sessionId: string | null,
): Promise<VoiceRecord> {
  const id = await addSample(context, unit, input, audio, { sessionId, messageId: null })
  const [sample] = await samplesByIds(unit.tx, [id])
  if (!sample) throw new Error('a sample that was just added is there')
  return sample
}

type Said = NonNullable<Heard['said']> & {
  readonly messageId: string | null
  readonly sessionId: string | null
}

/** Each step from where it stands: what had failed begins anew. */
async function complete(context: MemoryContext, unit: Unit, sample: VoiceRecord, said: Said): Promise<VoiceRecord> {
  const { transcript, confidence, result, messageId, sessionId } = said
  let now = sample
  if (now.status === 'FAILED') now = await advance(context, unit, now, { status: 'PENDING' })
  if (now.status === 'PENDING') now = await advance(context, unit, now, { status: 'PROCESSING' })
  return advance(context, unit, now, {
    status: 'COMPLETED',
    transcript,
    confidence,
    result,
    ...(messageId === null ? {} : { messageId }),
    ...(sessionId === null ? {} : { sessionId }),
  })
}

function checkFlow({ transcript, confidence, sessionId, remember }: ProcessVoiceInput): Problem | null {
  return firstProblem(
    () => checkTranscript(transcript),
    () => checkShare(confidence, ['input', 'confidence']),
    () => (remember && sessionId == null ? invalidInput('A memory of it needs a session.', 'input', 'remember') : null),
  )
}
