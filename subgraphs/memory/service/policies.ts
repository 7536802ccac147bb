import { type PageArguments, parsePage, toConnection } from '../../../lib/connection.ts'
import { uuidOf } from '../../../lib/ids.ts'
import { forbidden, invalidInput, limitExceeded, notFound, type Problem, ProblemError } from '../../../lib/problems.ts'
import type { Transaction } from '../../../stores/postgres/postgres.ts'
import { type Answer, mutate } from '../../mutate.ts'
import type { MemoryContext } from '../context.ts'
import { checkCount, checkObject, checkText, firstProblem, limits, type Path, requireVersion } from '../limits.ts'
import type { Condition, Mask, PolicyAction, PolicyKind } from '../policies/rules.ts'
import type { MemoryTier } from '../records.ts'
import { countDecisions, decisionPage } from '../store/decisions.ts'
import {
  countRules,
  mayLead,
  putRule,
  type RuleRecord,
  removeRule,
  rulePage,
  rulesByIds,
  rulesOfScope,
} from '../store/policies.ts'
import { putRulesToApply } from '../store/rules-to-apply.ts'

export interface SetPolicyRuleInput {
  readonly scope?: 'OWNER' | 'TENANT' | null
  readonly name: string
  readonly kind: PolicyKind
  readonly action: PolicyAction
  readonly priority?: number | null
  readonly enabled?: boolean | null
  /** Users by their global ids. */
  readonly condition?: Condition | null
  readonly keepDays?: number | null
  readonly archive?: boolean | null
  readonly toTier?: MemoryTier | null
  readonly mask?: Mask | null
  readonly words?: readonly string[] | null
  readonly expectedVersion?: number | null
  readonly clientMutationId?: string | null
}

export interface RemovePolicyRuleInput {
  readonly id: string
  readonly clientMutationId?: string | null
}

const actions: Readonly<Record<PolicyKind, readonly PolicyAction[]>> = {
  RETENTION: ['KEEP', 'ALLOW'],
  SHARING: ['DENY', 'ALLOW'],
  REDACTION: ['MASK', 'ALLOW'],
  TIER: ['DENY', 'MOVE', 'ALLOW'],
  COMPRESSION: ['COMPRESS', 'EXPAND', 'ALLOW'],
}

/** Sets a rule by its name in its scope. */
export async function setPolicyRule(context: MemoryContext, input: SetPolicyRuleInput) {
  const problem = checkRule(input)
  if (problem) return problem
  const { stores, request, viewer } = context
  return mutate(stores, request, { name: 'setPolicyRule', input, room: 'memory' }, async ({ tx, append }) => {
    const ownerId = input.scope === 'TENANT' ? null : viewer.userId
    await lockScope(context, tx, ownerId)
    const rules = await rulesOfScope(tx, ownerId)
    const found = rules.find(({ name }) => name === input.name)
    requireVersion('rule', found?.version ?? 0, input.expectedVersion)
    if (!found && rules.length >= limits.policyRules) {
      throw new ProblemError(limitExceeded(`A scope has at most ${limits.policyRules} rules.`, 'input', 'name'))
    }
    const id = found?.id ?? stores.ids.next()
    const version = (found?.version ?? 0) + 1
    const { name, kind, action } = input
    const { priority, enabled } = { priority: input.priority ?? 0, enabled: input.enabled ?? true }
    const configuration = configurationOf(input)
    const { tenantId } = viewer
    const rule = { id, tenantId, ownerId, name, kind, action, priority, enabled, configuration, version }
    await putRule(tx, rule, stores.clock.now())
    await applySoon(context, tx, ownerId, [kind, found?.kind])
    await append([eventOf(context, 'POLICY_SET', { id, ownerId, version })])
    return { __typename: 'SetPolicyRuleSuccess', ruleId: id } satisfies Answer
  })
}

/** Removes a rule of the viewer's, or of the tenant that he leads. */
export async function removePolicyRule(context: MemoryContext, input: RemovePolicyRuleInput) {
  const { stores, request } = context
  const id = uuidOf('PolicyRule', input.id)
  return mutate(stores, request, { name: 'removePolicyRule', input, room: 'memory' }, async ({ tx, append }) => {
    const [rule] = id === null ? [] : await rulesByIds(tx, [id])
    if (!rule) throw new ProblemError(notFound('policy rule', 'input', 'id'))
    await lockScope(context, tx, rule.ownerId)
    const [still] = await rulesByIds(tx, [rule.id])
    if (!still) throw new ProblemError(notFound('policy rule', 'input', 'id'))
    await removeRule(tx, rule.id)
    await applySoon(context, tx, still.ownerId, [still.kind])
    await append([eventOf(context, 'POLICY_REMOVED', { ...still, version: still.version + 1 })])
    return { __typename: 'RemovePolicyRuleSuccess', ruleId: rule.id } satisfies Answer
  })
}

/** The rules that the viewer may see. */
export async function listRules(context: MemoryContext, kind: PolicyKind | null, args: PageArguments) {
  const page = parsePage(args, ['policy rules', kind])
  const rows = await context.read((db) => rulePage(db, kind, page))
  const totalCount = () => context.read((db) => countRules(db, kind))
  return { ...toConnection(rows, page, ({ ordinal }) => [ordinal]), totalCount }
}

export interface PolicyAuditArguments extends PageArguments {
  readonly memoryId?: string | null
  readonly traceId?: string | null
  readonly kind?: PolicyKind | null
}

/** What rules have decided, as far as the viewer may see it. */
export async function policyAudit(context: MemoryContext, args: PolicyAuditArguments) {
  const { memoryId = null, traceId = null, kind = null } = args
  const page = parsePage(args, ['policy audit', memoryId, traceId, kind])
  const id = memoryId === null ? null : uuidOf('Memory', memoryId)
  const none = memoryId !== null && id === null
  const filter = { memoryId: id, traceId, kind }
  const rows = none ? [] : await context.read((db) => decisionPage(db, filter, page))
  const totalCount = async () => (none ? 0 : context.read((db) => countDecisions(db, filter)))
  return { ...toConnection(rows, page, ({ ordinal }) => [ordinal]), totalCount }
}

/** By which kinds something is stored of memories: what the others say is asked whenever it matters. */
const stored: readonly unknown[] = ['RETENTION', 'TIER'] satisfies PolicyKind[]

/** Has a scope's rules applied to what is stored as soon as this is committed. */
async function applySoon(
  { stores, viewer }: MemoryContext,
  tx: Transaction,
  ownerId: string | null,
  kinds: readonly (PolicyKind | undefined)[],
): Promise<void> {
  if (kinds.some((kind) => stored.includes(kind))) await putRulesToApply(tx, viewer, ownerId, stores.ids.next())
}

/** One writer of a scope's rules at a time; of the tenant's, only who leads it. */
async function lockScope({ viewer }: MemoryContext, tx: Transaction, ownerId: string | null): Promise<void> {
  await tx.lock(`policy-rules:${ownerId ?? viewer.tenantId}`)
  if (ownerId === null && !(await mayLead(tx))) {
    throw new ProblemError(forbidden('Rules of the tenant are for admins.', 'input'))
  }
}

function configurationOf({ condition, keepDays, archive, toTier, mask, words }: SetPolicyRuleInput) {
  const given = Object.fromEntries(Object.entries(condition ?? {}).filter(([, value]) => value != null))
  const users = condition?.userIds
  const rowIds = users ? { userIds: users.flatMap((id) => uuidOf('User', id) ?? []) } : {}
  const parameters = Object.entries({ keepDays, archive, toTier, mask, words }).filter(([, value]) => value != null)
  const whole: Condition = { ...given, ...rowIds }
  return { condition: whole, ...Object.fromEntries(parameters) }
}

function checkRule(input: SetPolicyRuleInput): Problem | null {
  const { kind, action, priority, keepDays, condition } = input
  return firstProblem(
    () => checkText(input.name, limits.name, ['input', 'name'], 1),
    () =>
      actions[kind].includes(action)
        ? null
        : invalidInput(`${kind} goes with ${actions[kind].join(', ')}.`, 'input', 'action'),
    () => checkRange(priority, -1000, 1000, ['input', 'priority']),
    () => checkParameter(action === 'KEEP', keepDays, ['input', 'keepDays']),
    () => checkRange(keepDays, 1, limits.days, ['input', 'keepDays']),
    () =>
      kind === 'TIER' && action !== 'MOVE'
        ? null
        : checkParameter(action === 'MOVE', input.toTier, ['input', 'toTier']),
    () => (input.archive && action !== 'KEEP' ? checkParameter(false, true, ['input', 'archive']) : null),
    () => checkParameter(action === 'MASK', input.mask, ['input', 'mask']),
    () => checkWords(input),
    () => checkCondition(condition ?? {}, input.scope === 'TENANT', ['input', 'condition']),
  )
}

function checkWords({ mask, words }: SetPolicyRuleInput): Problem | null {
  const path = ['input', 'words']
  return firstProblem(
    () => checkParameter(mask === 'WORDS', words, path),
    () => checkCount(words, limits.maskedWords, path),
    ...(words ?? []).map((word, i) => () => checkText(word, limits.maskedWord, [...path, String(i)], 1)),
  )
}

function checkCondition(condition: Condition, tenant: boolean, path: Path): Problem | null {
  const { userIds } = condition
  return firstProblem(
    () =>
      userIds && !tenant ? invalidInput('Only rules of the tenant are about certain users.', ...path, 'userIds') : null,
    () => checkCount(userIds, limits.ruleUsers, [...path, 'userIds']),
    ...(userIds ?? []).map((id, i) => () => {
      return uuidOf('User', id) === null ? invalidInput('That is no user’s id.', ...path, 'userIds', String(i)) : null
    }),
    () => checkObject(condition.metadata, [...path, 'metadata']),
    () => checkRange(condition.minAgeDays, 0, limits.days, [...path, 'minAgeDays']),
    () => checkRange(condition.idleDays, 0, limits.days, [...path, 'idleDays']),
    () => checkRange(condition.minAccesses, 0, 2_147_483_647, [...path, 'minAccesses']),
    () => checkRange(condition.maxAccesses, 0, 2_147_483_647, [...path, 'maxAccesses']),
  )
}

/** What goes with an action is given with it, and with no other. */
function checkParameter(wanted: boolean, value: unknown, path: Path): Problem | null {
  if (wanted === (value != null)) return null
  return invalidInput(wanted ? 'The action needs it.' : 'It means nothing with this action.', ...path)
}

function checkRange(value: number | null | undefined, least: number, most: number, path: Path): Problem | null {
  if (value == null || (value >= least && value <= most)) return null
  return invalidInput(`${least.toLocaleString('en')} to ${most.toLocaleString('en')}.`, ...path)
}

/** A rule of the tenant is everybody's news; an owner's changes what others see of his, but not what they know. */
function eventOf({ viewer }: MemoryContext, kind: string, rule: Pick<RuleRecord, 'id' | 'ownerId' | 'version'>) {
  const audience = [rule.ownerId ?? viewer.tenantId]
  const { id, version } = rule
  return { kind, type: 'PolicyRule', id, version, before: audience, after: audience }
}
