import { createHash } from 'node:crypto'
import { once, whole } from '../../../../lib/bytes.ts'
import { invalidInput, type Problem } from '../../../../lib/problems.ts'
import { ownKey } from '../../../../stores/audit/own-key.ts'
import type { Transaction } from '../../../../stores/postgres/postgres.ts'
import { voiceObject, voicePlace } from '../../../../stores/privacy/voice.ts'
import type { Unit } from '../../../mutate.ts'
import { securityOf } from '../../../security.ts'
import type { MemoryContext } from '../../context.ts'
import { checkObject, checkText, firstProblem, limits } from '../../limits.ts'
import type { VoiceRecord } from '../../voice-records.ts'
import { letGo, wantAgain } from '../objects.ts'

/** Audio that came in, or only its hash where the client keeps it. */
export interface Audio {
  readonly hash: string
  readonly bytes: Buffer<ArrayBuffer> | null
}

export interface AudioInput {
  readonly audio?: string | null
  readonly audioHash?: string | null
  readonly mediaType: string
  readonly metadata?: unknown
}

/** Reads what came in, or says what is wrong with it. */
export function readAudio(input: AudioInput): Audio | Problem {
  const { audio, audioHash, mediaType, metadata } = input
  const problem = firstProblem(
    () => checkText(mediaType, 100, ['input', 'mediaType']),
    () =>
      /^audio\/[\w.+-]+(;[ \w=".,+-]*)?$/.test(mediaType) ? null : invalidInput('`audio/…`.', 'input', 'mediaType'),
    () => checkObject(metadata, ['input', 'metadata']),
    () =>
      audioHash != null && !/^[0-9a-f]{64}$/.test(audioHash)
        ? invalidInput('SHA-256 is 64 hexadecimal digits, in small letters.', 'input', 'audioHash')
        : null,
  )
  if (problem) return problem
  if (audio == null) {
    return audioHash == null
      ? invalidInput('Give the audio, or the hash of what you keep.', 'input', 'audio')
      : { hash: audioHash, bytes: null }
  }
  if (audio.length > (limits.audioBytes / 3) * 4 + 4) return invalidInput('At most 4 MiB of audio.', 'input', 'audio')
  const bytes = Buffer.from(audio, 'base64')
  if (bytes.length === 0 || bytes.toString('base64').replace(/=+$/, '') !== audio.replace(/=+$/, '')) {
    return invalidInput('Audio in base64 is needed.', 'input', 'audio')
  }
  if (bytes.length > limits.audioBytes) return invalidInput('At most 4 MiB of audio.', 'input', 'audio')
  const hash = createHash('sha256').update(bytes).digest('hex')
  if (audioHash != null && audioHash !== hash) return invalidInput('The audio has another hash.', 'input', 'audioHash')
  return { hash, bytes }
}

/**
 * Keeps audio under the system's key and the viewer's own. It is named by its hash, so what a failed transaction leaves
 * is what the next try puts there.
 */
export async function keepAudio(context: MemoryContext, tx: Transaction, { hash, bytes }: Audio) {
  if (bytes === null) return
  const { stores, viewer } = context
  const key = await ownKey(tx)
  if (key === null) throw new Error('the viewer has no key')
  const sealed = stores.fields.seal(bytes, voicePlace(hash), key)
  await wantAgain(context, tx, voiceObject(hash))
  await stores.objects.put(viewer.userId, voiceObject(hash), once(sealed))
}

export function dropAudio(context: MemoryContext, unit: Unit, hash: string): Promise<void> {
  return letGo(context, unit, voiceObject(hash))
}

/** The audio of a sample in base64, and a note that it was read. */
export async function audioOf(context: MemoryContext, sample: VoiceRecord): Promise<string | null> {
  if (sample.audioBytes === null) return null
  const { stores, viewer, request } = context
  const [body, key] = await Promise.all([
    stores.objects.get(viewer.userId, voiceObject(sample.audioHash)),
    context.read(ownKey),
  ])
  if (body === null || key === null) return null
  const sealed = await whole(body)
  stores.sentinel.report(securityOf(request, 'memory'), {
    kind: 'ACCESS',
    name: 'VOICE_READ',
    object: sample.id,
    subjects: [viewer.userId],
  })
  return stores.fields.open(sealed, voicePlace(sample.audioHash), key).toString('base64')
}
