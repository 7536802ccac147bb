import { pairs } from '../extraction/cooccurrence.ts'
import type { Casing, Mention } from '../extraction/types.ts'
import { conceptId } from './concept-id.ts'
import { Tally } from './tally.ts'

export const coOccurs = 'CO_OCCURS'

/** A concept in the form in which one memory has it, and how often. */
export type Form = Pick<Mention, 'key' | 'name' | 'category' | 'count'>

export interface Owner {
  readonly tenantId: string
  readonly ownerId: string
}

/** What one version of a memory was found to say. */
export interface Reading extends Owner {
  readonly memoryId: string
  readonly version: number
  readonly sessionId: string | null
  readonly occurredAt: Date
  /** When this version became known. */
  readonly knownAt: Date
  readonly words: ReadonlyMap<string, Casing>
  readonly forms: readonly Form[]
}

/** What a memory adds to its owner's graph before and after; null for nothing. */
export interface Change extends Owner {
  readonly memoryId: string
  readonly before: Pick<Reading, 'words' | 'forms'> | null
  readonly after: Reading | null
}

export interface ConceptRow extends Owner {
  readonly id: string
  readonly key: string
  readonly name: string
  readonly category: string
  /** When it was first found; null when the change only takes mentions away. */
  readonly createdAt: Date | null
}

export interface FormRow extends Owner {
  readonly conceptId: string
  readonly name: string
  readonly category: string
}

export interface MentionRow extends Owner {
  readonly conceptId: string
  readonly memoryId: string
  readonly sessionId: string | null
  readonly name: string
  readonly category: string
  readonly count: number
  readonly occurredAt: Date
}

export interface RelationRow extends Owner {
  readonly sourceId: string
  readonly targetId: string
  readonly type: string
}

export interface CasingRow extends Owner, Casing {
  readonly word: string
}

type Counted<Row> = Row & { readonly by: number }

/** What a batch changes in each table; `by` is to be added to the row's count. */
export interface Difference {
  readonly concepts: readonly ConceptRow[]
  readonly mentionCounts: ReadonlyMap<string, number>
  readonly forms: readonly Counted<FormRow>[]
  readonly mentions: readonly MentionRow[]
  readonly lostMentions: readonly { readonly conceptId: string; readonly memoryId: string }[]
  readonly relations: readonly Counted<RelationRow>[]
  readonly casing: readonly CasingRow[]
  readonly corpora: readonly Counted<Owner>[]
}

/**
 * What a batch of changes does to the graph. Every count is a sum over memories, so taking a memory back is adding it
 * with the opposite sign, and the order of memories never matters.
 */
export function differenceOf(changes: readonly Change[]): Difference {
  const corpora = new Tally<Owner>()
  for (const { before, after, ownerId, tenantId } of changes) {
    corpora.add(ownerId, { ownerId, tenantId }, Number(after !== null) - Number(before !== null))
  }
  return {
    ...conceptsOf(changes),
    relations: relationsOf(changes),
    casing: casingOf(changes),
    corpora: corpora.changed(),
  }
}

function conceptsOf(changes: readonly Change[]) {
  const concepts = new Map<string, ConceptRow>()
  const mentionCounts = new Map<string, number>()
  const forms = new Tally<FormRow>()
  const mentions: MentionRow[] = []
  const lostMentions: { conceptId: string; memoryId: string }[] = []
  for (const { before, after, memoryId, ownerId, tenantId } of changes) {
    const count = (form: Form, id: string, by: 1 | -1) => {
      const { key, name, category } = form
      const createdAt = after === null || by < 0 ? null : after.knownAt
      const known = concepts.get(id)
      if (!known || (known.createdAt === null && createdAt !== null)) {
        concepts.set(id, { id, tenantId, ownerId, key, name, category, createdAt })
      }
      mentionCounts.set(id, (mentionCounts.get(id) ?? 0) + by)
      forms.add(`${id} ${category} ${name}`, { conceptId: id, name, category, tenantId, ownerId }, by)
    }
    const lost = new Set<string>()
    for (const form of before?.forms ?? []) {
      const id = conceptId(ownerId, form.key)
      count(form, id, -1)
      lost.add(id)
    }
    for (const form of after?.forms ?? []) {
      const id = conceptId(ownerId, form.key)
      count(form, id, 1)
      lost.delete(id)
      const { sessionId, occurredAt } = after as Reading
      const { name, category, count: times } = form
      mentions.push({ conceptId: id, memoryId, tenantId, ownerId, sessionId, name, category, count: times, occurredAt })
    }
    for (const id of lost) lostMentions.push({ conceptId: id, memoryId })
  }
  return { concepts: [...concepts.values()], mentionCounts, forms: forms.changed(), mentions, lostMentions }
}

/** Each pair once, as the extraction answers it: the smaller id first. */
function relationsOf(changes: readonly Change[]): Counted<RelationRow>[] {
  const relations = new Tally<RelationRow>()
  for (const { before, after, ownerId, tenantId } of changes) {
    const add = (forms: readonly Form[], sign: 1 | -1) => {
      for (const [sourceId, targetId] of pairs([asMentions(ownerId, forms)])) {
        relations.add(`${sourceId} ${targetId}`, { sourceId, targetId, type: coOccurs, tenantId, ownerId }, sign)
      }
    }
    add(before?.forms ?? [], -1)
    add(after?.forms ?? [], 1)
  }
  return relations.changed()
}

/** Keyed and ordered by id: of a long list the same are paired when the memory is read and when it is taken back. */
function asMentions(ownerId: string, forms: readonly Form[]): Mention[] {
  return forms
    .map((form) => ({ ...form, key: conceptId(ownerId, form.key), offsets: [] }))
    .sort((a, b) => (a.key < b.key ? -1 : 1))
}

function casingOf(changes: readonly Change[]): CasingRow[] {
  const sums = new Map<string, { -readonly [Name in keyof CasingRow]: CasingRow[Name] }>()
  for (const { before, after, ownerId, tenantId } of changes) {
    const add = (words: ReadonlyMap<string, Casing>, sign: 1 | -1) => {
      for (const [word, { lower, capitalised, initial }] of words) {
        const id = `${ownerId} ${word}`
        const sum = sums.get(id) ?? { ownerId, tenantId, word, lower: 0, capitalised: 0, initial: 0 }
        sum.lower += sign * lower
        sum.capitalised += sign * capitalised
        sum.initial += sign * initial
        sums.set(id, sum)
      }
    }
    if (before !== null) add(before.words, -1)
    if (after !== null) add(after.words, 1)
  }
  return [...sums.values()].filter((sum) => sum.lower !== 0 || sum.capitalised !== 0 || sum.initial !== 0)
}
