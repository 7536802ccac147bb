export type VoiceStatus = 'PENDING' | 'PROCESSING' | 'COMPLETED' | 'FAILED'

/** Something said into a microphone, as the room's store reads it. */
export interface VoiceRecord {
  readonly id: string
  readonly ownerId: string
  readonly ordinal: number
  readonly audioHash: string
  readonly mediaType: string
  readonly audioBytes: number | null
  readonly metadata: unknown
  readonly status: VoiceStatus
  readonly transcript: string | null
  readonly confidence: number | null
  readonly result: unknown
  readonly problem: string | null
  readonly sessionId: string | null
  readonly messageId: string | null
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface VoiceLogRecord {
  readonly ordinal: number
  readonly fromStatus: VoiceStatus | null
  readonly toStatus: VoiceStatus
  readonly details: unknown
  readonly tookMs: number | null
  readonly createdAt: Date
}

export interface VoiceSettingsRecord {
  readonly language: string | null
  readonly voice: string | null
  readonly speakingRate: number
  readonly keepAudio: boolean
  readonly rememberTranscripts: boolean
  readonly more: unknown
  readonly version: number
  readonly createdAt: Date | null
  readonly updatedAt: Date | null
}

/** What nobody has set. */
export const usualVoiceSettings: VoiceSettingsRecord = {
  language: null,
  voice: null,
  speakingRate: 1,
  keepAudio: true,
  rememberTranscripts: false,
  more: {},
  version: 0,
  createdAt: null,
  updatedAt: null,
}
