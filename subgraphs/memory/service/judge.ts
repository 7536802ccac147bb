import { forbidden, type Problem } from '../../../lib/problems.ts'
import type { DecisionNote } from '../../../stores/notes.ts'
import type { Database, Transaction } from '../../../stores/postgres/postgres.ts'
import type { MemoryContext } from '../context.ts'
import type { Path } from '../limits.ts'
import { concernsTier, daysAfter, decide, type Facts, inOrder, type PolicyKind, type Rule } from '../policies/rules.ts'
import type { ChatMode, MemoryRecord, MemoryTier, Visibility } from '../records.ts'
import { insertDecisions } from '../store/decisions.ts'
import { type Circumstances, circumstancesOf, modesOf, rulesOfOwners } from '../store/policies.ts'

/** What is about to be stored of a memory. */
interface Storable {
  readonly id: string
  readonly sessionId: string | null
  readonly tier: MemoryTier
  readonly visibility: Visibility
  readonly metadata: unknown
  readonly retentionUntil: Date | null
}

/** What the rules say of memories to be stored. */
export interface Judgement<D> {
  /** The memories with the time until which they are kept. */
  readonly drafts: readonly D[]
  /** Why some may not be stored; then none is. */
  readonly refusals: readonly Problem[]
}

/** The rules in force for an owner's memories, in the order they are asked. */
export async function rulesFor(db: Database, ownerId: string): Promise<readonly Rule[]> {
  return inOrder(await rulesOfOwners(db, [ownerId]))
}

/** Judges memories that are about to be made by their owner's rules, and logs what was decided. */
export async function judgeNew<D extends Storable>(
  context: MemoryContext,
  tx: Transaction,
  rules: readonly Rule[],
  drafts: readonly D[],
  now: Date,
  pathOf: (draft: D) => Path,
): Promise<Judgement<D>> {
  if (rules.length === 0) return { drafts, refusals: [] }
  const sessions = rules.some((rule) => rule.configuration.condition.modes)
    ? await modesOf(tx, [...new Set(drafts.flatMap(({ sessionId }) => sessionId ?? []))])
    : new Map<string, ChatMode>()
  const judge = new Judge(context, rules, now)
  const judged = drafts.map((draft) => {
    const mode = draft.sessionId === null ? null : (sessions.get(draft.sessionId) ?? null)
    const facts = { ...factsOf(draft, context.viewer.userId, now), mode }
    judge.tier(draft.id, facts, draft.tier, pathOf(draft))
    judge.sharing(draft.id, facts, pathOf(draft))
    return keptBy(draft, judge.retention(draft.id, facts, draft.retentionUntil))
  })
  await judge.log(tx)
  return { drafts: judged, refusals: judge.refusals }
}

type Changed = Omit<Storable, 'id' | 'sessionId'>

/** A memory, and what it is to become. */
export interface Change<D> {
  readonly memory: MemoryRecord
  readonly draft: D
}

/** Judges what memories of an owner's are to become by his rules, and logs what was decided. */
export async function judgeChanges<D extends Changed>(
  context: MemoryContext,
  tx: Transaction,
  rules: readonly Rule[],
  ownerId: string,
  changes: readonly Change<D>[],
  now: Date,
): Promise<Judgement<D>> {
  if (rules.length === 0) return { drafts: changes.map(({ draft }) => draft), refusals: [] }
  const ids = changes.map(({ memory }) => memory.id)
  const around = await circumstancesOf(tx, ids)
  const judge = new Judge(context, rules, now)
  const drafts = changes.map(({ memory, draft }) => {
    const circumstances = { ownerId, ...circumstancesIn(memory, around.get(memory.id)) }
    const before = { ...circumstances, ...pick(memory) }
    const after = { ...circumstances, ...pick(draft) }
    if (draft.tier !== memory.tier) judge.tier(memory.id, before, draft.tier, ['input'])
    judge.sharing(memory.id, after, ['input'])
    return keptBy(draft, judge.retention(memory.id, after, draft.retentionUntil))
  })
  await judge.log(tx)
  return { drafts, refusals: judge.refusals }
}

/** Words about a memory of the viewer's, and who is to see them. */
export interface Opening {
  readonly memory: MemoryRecord
  readonly visibility: Visibility
  readonly path: Path
}

/**
 * Judges words about memories that others are to see as if the memories themselves were to be seen by them.
 * @returns why some may not be
 */
export async function judgeOpenings(
  context: MemoryContext,
  tx: Transaction,
  openings: readonly Opening[],
  now: Date,
): Promise<readonly Problem[]> {
  const opened = openings.filter(({ visibility }) => visibility !== 'PRIVATE')
  if (opened.length === 0) return []
  const ownerId = context.viewer.userId
  const rules = await rulesFor(tx, ownerId)
  const around = await circumstancesOf(
    tx,
    opened.map(({ memory }) => memory.id),
  )
  const judge = new Judge(context, rules, now)
  for (const { memory, visibility, path } of opened) {
    const { id, tier, metadata } = memory
    judge.sharing(id, { ownerId, ...circumstancesIn(memory, around.get(id)), tier, metadata, visibility }, path)
  }
  await judge.log(tx)
  return judge.refusals
}

function circumstancesIn({ createdAt }: MemoryRecord, around: Circumstances | undefined) {
  const { mode = null, accesses = 0 } = around ?? {}
  return { mode, accesses, createdAt, accessedAt: around?.accessedAt ?? createdAt }
}

/** What was asked for is told apart from what rules leave of it. */
function keptBy<D extends { readonly retentionUntil: Date | null }>(draft: D, until: Date | null) {
  return { ...draft, retentionUntil: until, retentionAsked: draft.retentionUntil }
}

/** Collects what rules decide of memories in one request. */
class Judge {
  readonly refusals: Problem[] = []
  readonly #decisions: DecisionNote[] = []
  readonly #context: MemoryContext
  readonly #rules: readonly Rule[]
  readonly #now: Date

  constructor(context: MemoryContext, rules: readonly Rule[], now: Date) {
    this.#context = context
    this.#rules = rules
    this.#now = now
  }

  tier(id: string, facts: Facts, tier: MemoryTier, path: Path): void {
    for (const rule of this.#decide('TIER', id, facts, { tier: facts.tier, toTier: tier }, concernsTier(tier))) {
      if (rule.action === 'DENY') this.#refuse(rule, `keeps it out of the tier ${tier}`, path, 'tier')
    }
  }

  sharing(id: string, facts: Facts, path: Path): void {
    if (facts.visibility === 'PRIVATE') return
    for (const rule of this.#decide('SHARING', id, facts, { visibility: facts.visibility })) {
      if (rule.action === 'DENY') this.#refuse(rule, `forbids it to be ${facts.visibility}`, path, 'visibility')
    }
  }

  /** Until when it is kept: what was asked for, or less. */
  retention(id: string, facts: Facts, asked: Date | null): Date | null {
    const keeping = decide(this.#rules, 'RETENTION', facts, this.#now)
    let until = asked
    for (const rule of keeping) {
      const last = rule.action === 'KEEP' ? daysAfter(this.#now, rule.configuration.keepDays ?? 0) : null
      if (last !== null && (until === null || last < until)) until = last
      this.#note(rule, id, facts, { retentionUntil: last ?? asked })
    }
    return until
  }

  /** With the change; what undoes the change is logged beside it. */
  async log(tx: Transaction): Promise<void> {
    if (this.refusals.length > 0) this.#context.stores.notes.decided(this.#decisions)
    else await insertDecisions(tx, this.#decisions)
  }

  #decide(kind: PolicyKind, id: string, facts: Facts, outcome: unknown, concerns?: (rule: Rule) => boolean): Rule[] {
    const made = decide(this.#rules, kind, facts, this.#now, concerns ?? (() => true))
    for (const rule of made) this.#note(rule, id, facts, outcome)
    return made
  }

  #note(rule: Rule, memoryId: string, { ownerId }: Facts, outcome: unknown): void {
    this.#decisions.push({ ...decisionOf(this.#context, rule, this.#now), phase: 'STORE', memoryId, ownerId, outcome })
  }

  #refuse(rule: Rule, what: string, path: Path, field: string): void {
    this.refusals.push(forbidden(`The policy rule “${rule.name}” ${what}.`, ...path, field))
  }
}

/** What a decision is in whatever request it is made. */
export function decisionOf({ viewer, request, requestId }: MemoryContext, rule: Rule, at: Date) {
  const { tenantId, userId: actorId } = viewer
  const { id: ruleId, name: ruleName, kind, action } = rule
  return { at, tenantId, actorId, ruleId, ruleName, kind, action, traceId: request.traceId, requestId }
}

function factsOf(draft: Storable, ownerId: string, now: Date) {
  return { ownerId, ...pick(draft), createdAt: now, accessedAt: now, accesses: 0 }
}

function pick({ tier, visibility, metadata }: Pick<Storable, 'tier' | 'visibility' | 'metadata'>) {
  return { tier, visibility, metadata }
}
