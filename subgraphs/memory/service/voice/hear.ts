import type { MemoryContext } from '../../context.ts'
import { sampleByHash, voiceSettingsOf } from '../../store/voice.ts'
import type { Audio } from './audio.ts'
import type { ProcessVoiceInput } from './flow.ts'
import { checkTranscript } from './samples.ts'

/** What is known of what was said. */
export interface Heard {
  /** Null while nobody has listened. Then the sample waits. */
  readonly said: {
    /** Null when nothing was said. */
    readonly transcript: string | null
    readonly confidence: number | null
    readonly result?: { readonly model: string }
  } | null
  readonly degraded: readonly 'TRANSCRIBER'[]
}

const nothing: Heard = { said: null, degraded: [] }

/** What the client has heard, or else the operator's model; when that fails the sample waits, and the answer says so. */
export async function hear(context: MemoryContext, input: ProcessVoiceInput, audio: Audio): Promise<Heard> {
  const { transcript, confidence, mediaType } = input
  if (transcript != null) return { said: { transcript, confidence: confidence ?? null }, degraded: [] }
  const { stores, request, viewer } = context
  const { transcriber } = stores
  if (!transcriber || audio.bytes === null) return nothing
  const [found, settings] = await context.read((db) =>
    Promise.all([sampleByHash(db, viewer, audio.hash), voiceSettingsOf(db, viewer)]),
  )
  // Nobody listens twice to what was done.
  if (found?.status === 'COMPLETED') return nothing
  try {
    const recording = { bytes: audio.bytes, mediaType, language: settings.language }
    const text = await transcriber.transcribe(recording, request.signal)
    if (text !== '' && checkTranscript(text)) throw new Error('the transcript is longer than one may be')
    return {
      said: { transcript: text === '' ? null : text, confidence: null, result: { model: transcriber.model } },
      degraded: [],
    }
  } catch (error) {
    request.signal.throwIfAborted()
    stores.logger.warn({ err: error, traceId: request.traceId }, 'The model that writes down failed; the sample waits')
    return { said: null, degraded: ['TRANSCRIBER'] }
  }
}
