import type { EventDraft } from '../../stores/log/log.ts'
import type { MemoryFilter, MemoryTier, Visibility } from './records.ts'

/** What the log keeps of a memory: what filters need to know when its row is gone, and never what it says. */
export interface MemoryFacts {
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly sessionId: string | null
  readonly occurredAt: Date
}

/** A memory in an event, with those who may see it. */
export interface MemoryState extends MemoryFacts {
  readonly id: string
  readonly version: number
  readonly ownerId: string
  readonly tenantId: string
  /** Users and teams that a SHARED memory was given to. */
  readonly granted: readonly string[]
}

/** Users, teams and tenants that may see a memory. */
export function audienceOf({ visibility, ownerId, tenantId, granted }: MemoryState): string[] {
  if (visibility === 'PUBLIC') return [ownerId, tenantId]
  return visibility === 'SHARED' ? [ownerId, ...granted] : [ownerId]
}

export function createdEvent(memory: MemoryState): EventDraft {
  return { ...base(memory), kind: 'CREATED', after: audienceOf(memory), payload: { ...factsOf(memory) } }
}

export function revisedEvent(memory: MemoryState, previous: MemoryState): EventDraft {
  const payload = { ...factsOf(memory), previous: factsOf(previous) }
  return { ...base(memory), kind: 'REVISED', before: audienceOf(previous), after: audienceOf(memory), payload }
}

export function forgottenEvent(memory: MemoryState): EventDraft {
  const version = memory.version + 1
  return { ...base(memory), version, kind: 'FORGOTTEN', before: audienceOf(memory), payload: { ...factsOf(memory) } }
}

/** Access was given or taken; with `previous` when the memory's own visibility changed with it. */
export function sharedEvent(
  kind: 'SHARED' | 'UNSHARED',
  memory: MemoryState,
  before: MemoryState,
  previous?: MemoryState,
): EventDraft {
  const payload = { ...factsOf(memory), ...(previous ? { previous: factsOf(previous) } : {}) }
  return { ...base(memory), kind, before: audienceOf(before), after: audienceOf(memory), payload }
}

/** One memory relates to another, or no longer does: news of both, for those who may see both. */
export function relatedEvents(from: MemoryState, to: MemoryState, viewerId: string): EventDraft[] {
  const audience = [...new Set([viewerId, ...common(from, to)])]
  return [from, to].map((memory) => ({
    ...base(memory),
    kind: 'RELATED',
    before: audience,
    after: audience,
    payload: { ...factsOf(memory) },
  }))
}

function common(from: MemoryState, to: MemoryState): string[] {
  if (to.visibility === 'PUBLIC') return audienceOf(from)
  if (from.visibility === 'PUBLIC') return audienceOf(to)
  const others = new Set(audienceOf(to))
  return audienceOf(from).filter((id) => others.has(id))
}

/** Its time was over. */
export function expiredEvent(memory: MemoryState): EventDraft {
  return { ...forgottenEvent(memory), kind: 'EXPIRED' }
}

/** Reads facts from an event's payload. */
export function readFacts(payload: Readonly<Record<string, unknown>>): MemoryFacts {
  const facts = payload as unknown as Omit<MemoryFacts, 'occurredAt'> & { readonly occurredAt: string }
  return { ...facts, occurredAt: new Date(facts.occurredAt) }
}

/** Whether a memory fits a filter as far as its facts tell; they know nothing of metadata. */
export function factsFit(facts: MemoryFacts, filter: MemoryFilter): boolean {
  if (filter.tiers && !filter.tiers.includes(facts.tier)) return false
  if (filter.visibility && filter.visibility !== facts.visibility) return false
  if (filter.sessionId && filter.sessionId !== facts.sessionId) return false
  if (filter.occurredFrom && facts.occurredAt < filter.occurredFrom) return false
  return !(filter.occurredBefore && facts.occurredAt >= filter.occurredBefore)
}

function base({ id, version, ownerId }: MemoryState) {
  return { type: 'Memory', id, version, owner: ownerId }
}

function factsOf({ tier, visibility, sessionId, occurredAt }: MemoryFacts): MemoryFacts {
  return { tier, visibility, sessionId, occurredAt }
}
