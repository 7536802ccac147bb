import type { Signer } from '../../lib/signer.ts'
import type { Database, Postgres } from '../postgres/postgres.ts'
import { chainStart, digestOf, hashOf, type Seal, sealsAfter } from './chain.ts'
import { auditContext } from './context.ts'

/** What checking the audit found. */
export interface Verification {
  readonly ok: boolean
  readonly seals: number
  /** Entries that links vouch for and that are still there. */
  readonly entries: number
  /** Entries written since the last link. */
  readonly unsealed: number
  /** The newest link's hash in hexadecimal: kept elsewhere, it proves later that nothing before it was changed. */
  readonly head: string
  readonly problems: readonly string[]
}

const sealsAtOnce = 500
/** A damaged audit could have a problem in every link; the first ones tell enough. */
const mostProblems = 20

/**
 * Checks the whole audit: that the chain's links follow on each other and are signed, that every month's entries are those
 * that were sealed, none changed, removed, added or moved, and that what is missing was dropped by rule.
 * @param anchor a head noted earlier: it must be part of the chain
 */
export async function verifyAudit(postgres: Postgres, signer: Signer, anchor?: string): Promise<Verification> {
  return postgres.read(auditContext('verify'), async (db) => {
    const problems: string[] = []
    const seals = await readChain(db)
    checkLinks(seals, signer, problems)
    const dropped = new Set(seals.filter(({ kind }) => kind === 'DROPPED').map(({ month }) => month))
    for (const seal of seals) {
      if (seal.kind === 'ENTRIES' && !dropped.has(seal.month)) await checkEntries(db, seal, problems)
    }
    const last = seals.at(-1) ?? chainStart
    const { entries, unsealed } = await checkMonths(db, seals, dropped, problems)
    if (anchor !== undefined && anchor !== '' && !seals.some(({ hash }) => hash.toString('hex') === anchor)) {
      problems.push('the head that was noted earlier is not in the chain: links were removed')
    }
    const head = last.hash.toString('hex')
    return {
      ok: problems.length === 0,
      seals: seals.length,
      entries,
      unsealed,
      head,
      problems: problems.slice(0, mostProblems),
    }
  })
}

async function readChain(db: Database): Promise<Seal[]> {
  const seals: Seal[] = []
  for (let page = await sealsAfter(db, '0', sealsAtOnce); page.length > 0; ) {
    seals.push(...page)
    page = page.length < sealsAtOnce ? [] : await sealsAfter(db, page.at(-1)?.number ?? '0', sealsAtOnce)
  }
  return seals
}

function checkLinks(seals: readonly Seal[], signer: Signer, problems: string[]): void {
  let previous: Pick<Seal, 'number' | 'hash' | 'untilXid' | 'untilId'> = chainStart
  let from: Pick<Seal, 'untilXid' | 'untilId'> = chainStart
  for (const seal of seals) {
    if (BigInt(seal.number) !== BigInt(previous.number) + 1n)
      problems.push(`link ${seal.number} follows ${previous.number}`)
    if (!seal.previousHash.equals(previous.hash))
      problems.push(`link ${seal.number} does not follow on the one before it`)
    if (!hashOf(seal).equals(seal.hash)) problems.push(`link ${seal.number} was changed`)
    if (!signer.verify(seal.hash, seal.signature)) problems.push(`link ${seal.number} is not signed by this system`)
    // The months of one batch begin at one place; a new batch begins where the last one ended.
    const begun = seal.afterXid === from.untilXid && seal.afterId === from.untilId
    const goesOn = seal.afterXid === previous.untilXid && seal.afterId === previous.untilId
    if (!begun && !goesOn) problems.push(`link ${seal.number} leaves entries out`)
    if (goesOn) from = previous
    previous = seal
  }
}

async function checkEntries(db: Database, seal: Seal, problems: string[]): Promise<void> {
  const now = await digestOf(db, seal)
  if (now.entries !== seal.entries) {
    problems.push(
      `link ${seal.number} (${seal.month}) vouches for ${seal.entries} entries, of which ${now.entries} are there`,
    )
  } else if (!now.digest.equals(seal.digest)) {
    problems.push(`an entry of link ${seal.number} (${seal.month}) was changed`)
  }
}

/** Between the links of a month there may be no other entry, and all of a dropped month must be gone. */
async function checkMonths(db: Database, seals: readonly Seal[], dropped: ReadonlySet<string>, problems: string[]) {
  const last = seals.at(-1) ?? chainStart
  const counted = (xid: string, id: string) =>
    db.query<{ month: string; entries: string }>(
      'SELECT month::text, entries::text FROM audit.count_entries($1::text::xid8, $2)',
      [xid, id],
    )
  const there = new Map(
    (await counted(last.untilXid, last.untilId)).map(({ month, entries }) => [month, Number(entries)]),
  )
  const sealed = new Map<string, number>()
  for (const { month, entries, kind } of seals) {
    if (kind === 'ENTRIES') sealed.set(month, (sealed.get(month) ?? 0) + Number(entries))
  }
  for (const month of new Set([...there.keys(), ...sealed.keys()])) {
    const wanted = dropped.has(month) ? 0 : (sealed.get(month) ?? 0)
    const found = there.get(month) ?? 0
    if (found > wanted) problems.push(`${month} has ${found - wanted} entries that no link vouches for`)
  }
  const all = (await counted('18446744073709551615', '9223372036854775807')).reduce(
    (sum, { entries }) => sum + Number(entries),
    0,
  )
  const entries = [...there.values()].reduce((sum, count) => sum + count, 0)
  return { entries, unsealed: all - entries }
}
