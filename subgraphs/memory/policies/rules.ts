import type { ChatMode, MemoryTier, Visibility } from '../records.ts'

export type PolicyKind = 'RETENTION' | 'SHARING' | 'REDACTION' | 'TIER' | 'COMPRESSION'
export type PolicyAction = 'ALLOW' | 'DENY' | 'KEEP' | 'MASK' | 'MOVE' | 'COMPRESS' | 'EXPAND'
export type Mask = 'CONTENT' | 'EMAILS' | 'NUMBERS' | 'WORDS'

/** Which memories a rule is about; all that is said must hold. */
export interface Condition {
  readonly tiers?: readonly MemoryTier[] | null
  readonly modes?: readonly ChatMode[] | null
  /** Row ids of owners. */
  readonly userIds?: readonly string[] | null
  readonly visibilities?: readonly Visibility[] | null
  readonly metadata?: unknown
  readonly minAgeDays?: number | null
  readonly idleDays?: number | null
  readonly minAccesses?: number | null
  readonly maxAccesses?: number | null
}

/** A rule as it is kept: what it is about, and what its action needs to know. */
export interface Rule {
  /** Null for the tenant's default of how long memories are kept. */
  readonly id: string | null
  /** Null for a rule of the tenant. */
  readonly ownerId: string | null
  readonly name: string
  readonly kind: PolicyKind
  readonly action: PolicyAction
  readonly priority: number
  readonly configuration: Configuration
}

export interface Configuration {
  readonly condition: Condition
  readonly keepDays?: number | null
  /** Whether what has expired by it is archived. */
  readonly archive?: boolean | null
  readonly toTier?: MemoryTier | null
  readonly mask?: Mask | null
  readonly words?: readonly string[] | null
}

/** What rules judge a memory by. */
export interface Facts {
  readonly ownerId: string
  readonly tier: MemoryTier
  /** Of its session. */
  readonly mode: ChatMode | null
  readonly visibility: Visibility
  readonly metadata: unknown
  readonly createdAt: Date
  /** When it was last read; when it was made if never. */
  readonly accessedAt: Date
  readonly accesses: number
}

const dayMs = 86_400_000

export const daysAfter = (moment: Date, days: number) => new Date(moment.getTime() + days * dayMs)

/** The order in which rules are asked: of a scope the highest priority first, then by name, by its bytes as the database does. */
export function inOrder(rules: readonly Rule[]): Rule[] {
  return [...rules].sort((a, b) => b.priority - a.priority || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))
}

/**
 * What the rules of a kind say of a memory: the first one that fits of its tenant's, and the first one of its owner's.
 * Both hold; an exception (`ALLOW`) of the one scope undoes nothing that the other says.
 */
export function decide(
  rules: readonly Rule[],
  kind: PolicyKind,
  facts: Facts,
  now: Date,
  concerns: (rule: Rule) => boolean = () => true,
): Rule[] {
  const first = (ownerId: string | null) =>
    rules.find(
      (rule) =>
        rule.ownerId === ownerId &&
        rule.kind === kind &&
        concerns(rule) &&
        fits(rule.configuration.condition, facts, now),
    )
  return [first(null), first(facts.ownerId)].filter((rule) => rule !== undefined)
}

/** Whether a rule concerns a change to this tier. */
export const concernsTier = (tier: MemoryTier) => (rule: Rule) =>
  rule.action !== 'MOVE' && (rule.configuration.toTier ?? tier) === tier

export function fits(condition: Condition, facts: Facts, now: Date): boolean {
  const { tiers, modes, userIds, visibilities, metadata, minAgeDays, idleDays, minAccesses, maxAccesses } = condition
  if (tiers && !tiers.includes(facts.tier)) return false
  if (modes && (facts.mode === null || !modes.includes(facts.mode))) return false
  if (userIds && !userIds.includes(facts.ownerId)) return false
  if (visibilities && !visibilities.includes(facts.visibility)) return false
  if (minAgeDays != null && daysAfter(facts.createdAt, minAgeDays) > now) return false
  if (idleDays != null && daysAfter(facts.accessedAt, idleDays) > now) return false
  if (minAccesses != null && facts.accesses < minAccesses) return false
  if (maxAccesses != null && facts.accesses > maxAccesses) return false
  return metadata == null || contains(facts.metadata, metadata)
}

/** Whether a condition asks for what is not in the memory's own row. */
export function asksCircumstances({ modes, idleDays, minAccesses, maxAccesses }: Condition): boolean {
  return modes != null || idleDays != null || minAccesses != null || maxAccesses != null
}

/** JSON containment, as PostgreSQL's `@>` has it inside an object. */
function contains(value: unknown, part: unknown): boolean {
  if (Array.isArray(part)) {
    return Array.isArray(value) && part.every((item) => value.some((each) => contains(each, item)))
  }
  if (part !== null && typeof part === 'object') {
    if (value === null || typeof value !== 'object' || Array.isArray(value)) return false
    const held = value as Record<string, unknown>
    return Object.entries(part).every(([key, item]) => Object.hasOwn(held, key) && contains(held[key], item))
  }
  return value === part
}
