import { invalidInput, type Problem } from '../../../../lib/problems.ts'
import { type Answer, mutate } from '../../../mutate.ts'
import type { MemoryContext } from '../../context.ts'
import { checkObject, checkText, firstProblem, limits, requireVersion } from '../../limits.ts'
import { putVoiceSettings, voiceSettingsOf } from '../../store/voice.ts'

export interface SetVoiceSettingsInput {
  readonly language?: string | null
  readonly voice?: string | null
  readonly speakingRate?: number | null
  readonly keepAudio?: boolean | null
  readonly rememberTranscripts?: boolean | null
  readonly more?: unknown
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

/** Sets what is given, and leaves the rest as it was. */
export async function setVoiceSettings(context: MemoryContext, input: SetVoiceSettingsInput) {
  const problem = checkSettings(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'setVoiceSettings', input, room: 'memory' }, async ({ tx, append }) => {
    await tx.lock(`voice-settings:${viewer.userId}`)
    const found = await voiceSettingsOf(tx, viewer)
    requireVersion('set of voice settings', found.version, input.expectedVersion)
    const settings = {
      // An explicit null clears what can be empty.
      language: input.language === undefined ? found.language : input.language,
      voice: input.voice === undefined ? found.voice : input.voice,
      speakingRate: input.speakingRate ?? found.speakingRate,
      keepAudio: input.keepAudio ?? found.keepAudio,
      rememberTranscripts: input.rememberTranscripts ?? found.rememberTranscripts,
      more: input.more ?? found.more,
      version: found.version + 1,
    }
    const id = stores.ids.next()
    await putVoiceSettings(tx, viewer, id, settings, stores.clock.now())
    const audience = [viewer.userId]
    await append([
      {
        kind: 'VOICE_SETTINGS_SET',
        type: 'User',
        id: viewer.userId,
        version: settings.version,
        before: audience,
        after: audience,
      },
    ])
    return { __typename: 'SetVoiceSettingsSuccess' } satisfies Answer
  })
}

export function voiceSettings(context: MemoryContext) {
  return context.read((db) => voiceSettingsOf(db, context.viewer))
}

function checkSettings({ language, voice, speakingRate, more }: SetVoiceSettingsInput): Problem | null {
  return firstProblem(
    () => checkText(language, 35, ['input', 'language'], 1),
    () =>
      language != null && !/^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$/.test(language)
        ? invalidInput('A language tag, as `de` or `pt-BR`.', 'input', 'language')
        : null,
    () => checkText(voice, limits.name, ['input', 'voice'], 1),
    () =>
      speakingRate != null && !(speakingRate >= 0.25 && speakingRate <= 4)
        ? invalidInput('0.25–4.', 'input', 'speakingRate')
        : null,
    () => checkObject(more, ['input', 'more']),
  )
}
