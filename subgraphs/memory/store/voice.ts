import type { Viewer } from '../../../lib/context.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import { given } from '../../given.ts'
import {
  usualVoiceSettings,
  type VoiceLogRecord,
  type VoiceRecord,
  type VoiceSettingsRecord,
  type VoiceStatus,
} from '../voice-records.ts'
import type { Values } from './keyset.ts'
import type { ListSource } from './pages.ts'

const columns = `sample.id, sample.owner_id AS "ownerId", sample.ordinal::float8 AS ordinal, sample.audio_hash AS "audioHash",
  sample.media_type AS "mediaType", sample.audio_bytes AS "audioBytes", sample.sample_metadata AS metadata,
  sample.processing_status AS status, sample.transcript_content AS transcript, sample.confidence,
  sample.result_content AS result, sample.problem, sample.session_id AS "sessionId", sample.message_id AS "messageId",
  sample.version, sample.created_at AS "createdAt", sample.updated_at AS "updatedAt"`

const from = 'memory.voice_samples AS sample'

export const samplesOfOwner: ListSource = {
  columns,
  from,
  parent: 'sample.owner_id',
  key: 'sample.ordinal',
  keyName: 'ordinal',
  order: 'DESC',
}

export const logsOfSample: ListSource = {
  columns: `log.ordinal::float8 AS ordinal, log.from_status AS "fromStatus", log.to_status AS "toStatus",
    log.log_content AS details, log.took_ms AS "tookMs", log.created_at AS "createdAt"`,
  from: 'memory.voice_processing_logs AS log',
  parent: 'log.sample_id',
  key: 'log.ordinal',
  keyName: 'ordinal',
  order: 'ASC',
}

export const statusCondition = (status: VoiceStatus | null | undefined) => (values: Values) =>
  status == null ? [] : [`sample.processing_status = ${values.add(status)}`]

export function samplesByIds(db: Database, ids: readonly string[]): Promise<VoiceRecord[]> {
  return db.query(`SELECT ${columns} FROM ${from} WHERE sample.id = ANY (${given('$1')})`, [ids])
}

export async function sampleByHash(db: Database, { userId }: Viewer, hash: string): Promise<VoiceRecord | null> {
  const [row] = await db.query<VoiceRecord>(
    `SELECT ${columns} FROM ${from} WHERE sample.owner_id = $1 AND sample.audio_hash = $2`,
    [userId, hash],
  )
  return row ?? null
}

export type SampleDraft = Pick<
  VoiceRecord,
  'id' | 'audioHash' | 'mediaType' | 'audioBytes' | 'metadata' | 'sessionId' | 'messageId'
>

export async function insertSample(tx: Transaction, viewer: Viewer, draft: SampleDraft, now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.voice_samples (id, tenant_id, owner_id, audio_hash, media_type, audio_bytes, sample_metadata, session_id,
                                       message_id, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)`,
    [
      draft.id,
      viewer.tenantId,
      viewer.userId,
      draft.audioHash,
      draft.mediaType,
      draft.audioBytes,
      JSON.stringify(draft.metadata ?? {}),
      draft.sessionId,
      draft.messageId,
      now,
    ],
  )
}

export type SampleState = Pick<
  VoiceRecord,
  | 'id'
  | 'status'
  | 'transcript'
  | 'confidence'
  | 'result'
  | 'problem'
  | 'audioBytes'
  | 'sessionId'
  | 'messageId'
  | 'version'
>

export async function updateSample(tx: Transaction, state: SampleState, now: Date): Promise<void> {
  await tx.query(
    `UPDATE memory.voice_samples SET processing_status = $2, transcript_content = $3, confidence = $4, result_content = $5,
       problem = $6, audio_bytes = $7, session_id = $8, message_id = $9, version = $10, updated_at = $11 WHERE id = $1`,
    [
      state.id,
      state.status,
      state.transcript,
      state.confidence,
      state.result == null ? null : JSON.stringify(state.result),
      state.problem,
      state.audioBytes,
      state.sessionId,
      state.messageId,
      state.version,
      now,
    ],
  )
}

export type LogDraft = Omit<VoiceLogRecord, 'ordinal' | 'createdAt'> & {
  readonly id: string
  readonly sampleId: string
}

export async function insertLogs(tx: Transaction, viewer: Viewer, logs: readonly LogDraft[], now: Date): Promise<void> {
  await tx.query(
    `INSERT INTO memory.voice_processing_logs (id, tenant_id, owner_id, sample_id, from_status, to_status, log_content, took_ms, created_at)
     SELECT id, $1, $2, "sampleId", "fromStatus", "toStatus", details, "tookMs", $3
     FROM json_to_recordset($4::json) AS item (id uuid, "sampleId" uuid, "fromStatus" text, "toStatus" text, details jsonb,
       "tookMs" double precision)`,
    [viewer.tenantId, viewer.userId, now, JSON.stringify(logs)],
  )
}

export async function removeSample(tx: Transaction, id: string): Promise<void> {
  await tx.query('DELETE FROM memory.voice_samples WHERE id = $1', [id])
}

/** The viewer's settings; the usual ones until he has set any. */
export async function voiceSettingsOf(db: Database, { userId }: Viewer): Promise<VoiceSettingsRecord> {
  const [row] = await db.query<VoiceSettingsRecord>(
    `SELECT language, voice, speaking_rate AS "speakingRate", keep_audio AS "keepAudio",
            remember_transcripts AS "rememberTranscripts", settings_content AS more, version,
            created_at AS "createdAt", updated_at AS "updatedAt"
     FROM memory.user_voice_settings WHERE owner_id = $1`,
    [userId],
  )
  return row ?? usualVoiceSettings
}

export async function putVoiceSettings(
  tx: Transaction,
  viewer: Viewer,
  id: string,
  settings: Omit<VoiceSettingsRecord, 'createdAt' | 'updatedAt'>,
  now: Date,
): Promise<void> {
  await tx.query(
    `INSERT INTO memory.user_voice_settings (id, tenant_id, owner_id, language, voice, speaking_rate, keep_audio,
                                             remember_transcripts, settings_content, version, created_at, updated_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
     ON CONFLICT (owner_id) DO UPDATE SET language = excluded.language, voice = excluded.voice,
       speaking_rate = excluded.speaking_rate, keep_audio = excluded.keep_audio,
       remember_transcripts = excluded.remember_transcripts, settings_content = excluded.settings_content,
       version = excluded.version, updated_at = excluded.updated_at`,
    [
      id,
      viewer.tenantId,
      viewer.userId,
      settings.language,
      settings.voice,
      settings.speakingRate,
      settings.keepAudio,
      settings.rememberTranscripts,
      JSON.stringify(settings.more),
      settings.version,
      now,
    ],
  )
}
