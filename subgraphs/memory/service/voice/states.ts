import type { Viewer } from '../../../../lib/context.ts'
import { conflict, ProblemError } from '../../../../lib/problems.ts'
import type { EventDraft } from '../../../../stores/log/log.ts'
import type { Stores } from '../../../../stores/stores.ts'
import type { VoiceRecord, VoiceStatus } from '../../voice-records.ts'

/** Where a sample may go from where it stands. */
const transitions: Readonly<Record<VoiceStatus, readonly VoiceStatus[]>> = {
  PENDING: ['PROCESSING', 'FAILED'],
  PROCESSING: ['PROCESSING', 'COMPLETED', 'FAILED'],
  COMPLETED: [],
  FAILED: ['PENDING'],
}

/** @throws ProblemError where no such step leads. */
export function requireStep(from: VoiceStatus, to: VoiceStatus): void {
  if (transitions[from].includes(to)) return
  const open = transitions[from].join(' or ') || 'nothing'
  throw new ProblemError(conflict(`From ${from} it can become ${open}, not ${to}.`, 'input', 'status'))
}

/** How long a sample's processing is answered from the cache. Seconds. */
const cachedSeconds = 3600

export interface Processing {
  readonly status: VoiceStatus
  readonly progress: number | null
  readonly updatedAt: string
  readonly version: number
}

const cacheKey = (ownerId: string, id: string) => `voice:${ownerId}:${id}`

export function cacheProcessing(
  { cache }: Pick<Stores, 'cache'>,
  { tenantId, userId }: Viewer,
  id: string,
  processing: Processing,
): Promise<void> {
  return cache.set(tenantId, cacheKey(userId, id), processing, cachedSeconds)
}

export function forgetProcessing({ cache }: Pick<Stores, 'cache'>, { tenantId, userId }: Viewer, id: string) {
  return cache.delete(tenantId, cacheKey(userId, id))
}

/** From the cache unless the sample has gone on since without it. */
export async function processingOf({ cache }: Pick<Stores, 'cache'>, { tenantId }: Viewer, sample: VoiceRecord) {
  const found = await cache.get<Processing>(tenantId, cacheKey(sample.ownerId, sample.id))
  if (found && found.version >= sample.version) {
    const { status, progress, updatedAt } = found
    return { status, progress, updatedAt: new Date(updatedAt), cached: true }
  }
  return { status: sample.status, progress: null, updatedAt: sample.updatedAt, cached: false }
}

export function voiceEvent(owner: string, id: string, kind: string, version: number): EventDraft {
  const audience = [owner]
  const before = kind === 'VOICE_REGISTERED' ? [] : audience
  const after = kind === 'VOICE_DELETED' ? [] : audience
  return { kind, type: 'VoiceSample', id, version, before, after }
}
