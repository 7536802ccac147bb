import type { PageArguments } from '../../lib/connection.ts'
import { byReference, idFields } from '../references.ts'
import type { MemoryContext } from './context.ts'
import { mutation, named } from './resolving.ts'
import { audioOf } from './service/voice/audio.ts'
import { processVoice } from './service/voice/flow.ts'
import { advanceVoiceSample, deleteVoiceSample, registerVoiceSample } from './service/voice/samples.ts'
import { setVoiceSettings, voiceSettings } from './service/voice/settings.ts'
import { processingOf } from './service/voice/states.ts'
import { logsOfSample, samplesOfOwner, statusCondition } from './store/voice.ts'
import type { VoiceLogRecord, VoiceRecord, VoiceStatus } from './voice-records.ts'

const sampleOf = byReference('VoiceSample', ({ loaders }: MemoryContext, id) => loaders.voiceSample.load(id))

const sample = ({ sampleId }: { sampleId: string }, _: unknown, { loaders }: MemoryContext) =>
  named(loaders.voiceSample.load(sampleId))

/** Resolvers of what users have said into a microphone. */
export const voiceResolvers = {
  Query: {
    voiceSample: (_: unknown, args: { id: string }, context: MemoryContext) => sampleOf(args, context),
    voiceSamples: (
      _: unknown,
      args: { status?: VoiceStatus | null } & PageArguments,
      { loaders, viewer }: MemoryContext,
    ) =>
      loaders.listUnder<VoiceRecord>(
        ['voice samples', args.status ?? null],
        samplesOfOwner,
        viewer.userId,
        args,
        statusCondition(args.status),
      ),
    voiceSettings: (_: unknown, __: unknown, context: MemoryContext) => voiceSettings(context),
  },
  Mutation: {
    registerVoiceSample: mutation(registerVoiceSample),
    advanceVoiceSample: mutation(advanceVoiceSample),
    processVoice: mutation(processVoice),
    deleteVoiceSample: mutation(deleteVoiceSample),
    setVoiceSettings: mutation(setVoiceSettings),
  },
  VoiceSample: {
    ...idFields('VoiceSample'),
    __resolveReference: sampleOf,
    audio: (record: VoiceRecord, _: unknown, context: MemoryContext) => audioOf(context, record),
    processing: (record: VoiceRecord, _: unknown, { stores, viewer }: MemoryContext) =>
      processingOf(stores, viewer, record),
    session: ({ sessionId }: VoiceRecord, _: unknown, { loaders }: MemoryContext) =>
      sessionId === null ? null : loaders.session.load(sessionId),
    message: ({ messageId }: VoiceRecord, _: unknown, { loaders }: MemoryContext) =>
      messageId === null ? null : loaders.message.load(messageId),
    logs: ({ id }: VoiceRecord, args: PageArguments, { loaders }: MemoryContext) =>
      loaders.listUnder<VoiceLogRecord>(['voice logs'], logsOfSample, id, args),
  },
  RegisterVoiceSampleSuccess: { sample },
  AdvanceVoiceSampleSuccess: { sample },
  ProcessVoiceSuccess: {
    sample,
    said: ({ messageId }: { messageId: string | null }, _: unknown, { loaders }: MemoryContext) =>
      messageId === null ? null : loaders.message.load(messageId),
  },
  SetVoiceSettingsSuccess: {
    settings: (_: unknown, __: unknown, context: MemoryContext) => voiceSettings(context),
  },
}
