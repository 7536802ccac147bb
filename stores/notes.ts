import { AsyncLocalStorage } from 'node:async_hooks'
import type { Log } from '../lib/log.ts'
import { projectorContext } from './log/log.ts'
import type { Postgres } from './postgres/postgres.ts'

/** What a rule decided of a memory while it was read. */
export interface DecisionNote {
  readonly at: Date
  readonly tenantId: string
  readonly ownerId: string
  readonly actorId: string | null
  readonly memoryId: string
  readonly ruleId: string | null
  readonly ruleName: string
  readonly kind: string
  readonly action: string
  readonly phase: string
  readonly outcome: unknown
  readonly traceId: string
  readonly requestId: string
}

/**
 * What reading leaves behind: which memories were read, and what policies decided then. Gathered, and written once a
 * second in one statement, so that reading costs no write of its own. What comes while too much waits is lost, counted
 * and told in the log.
 */
export interface Notes {
  read(memoryIds: Iterable<string>, at: Date): void
  decided(decisions: Iterable<DecisionNote>): void
  /** How many have been lost since the start. */
  lost(): number
  /** Writes what waits; resolves when it is written. */
  idle(): Promise<void>
  close(): Promise<void>
}

interface Read {
  count: number
  at: Date
}

export interface NotesOptions {
  readonly everyMs?: number
  /** How many different memories, and how many different decisions, may wait. */
  readonly most?: number
}

export function openNotes(
  postgres: Postgres,
  logger: Log,
  { everyMs = 1_000, most = 20_000 }: NotesOptions = {},
): Notes {
  let reads = new Map<string, Read>()
  let decisions = new Map<string, DecisionNote & { times: number }>()
  let lost = 0
  let timer: NodeJS.Timeout | null = null
  let writing: Promise<void> = Promise.resolve()
  /** Noted inside a transaction, written outside of it. */
  const outside = AsyncLocalStorage.snapshot()

  function flush(): Promise<void> {
    if (timer !== null) clearTimeout(timer)
    timer = null
    writing = writing.then(() => outside(write))
    return writing
  }

  async function write(): Promise<void> {
    if (reads.size === 0 && decisions.size === 0) return
    const read = [...reads].map(([id, { count, at }]) => ({ id, count, at }))
    const decided = [...decisions.values()]
    reads = new Map()
    decisions = new Map()
    try {
      await postgres.write(projectorContext('notes'), (tx) =>
        tx.query('SELECT memory.note($1, $2)', [JSON.stringify(read), JSON.stringify(decided)]),
      )
    } catch (error) {
      lost += read.length + decided.length
      logger.warn({ err: error, lost: read.length + decided.length }, 'What was noted of reads could not be written')
    }
  }

  function soon(): void {
    timer ??= setTimeout(flush, everyMs).unref()
  }

  function lose(): void {
    if (lost % most === 0) logger.warn('Reads are noted faster than they can be written: some are lost')
    lost += 1
  }

  return {
    read(memoryIds, at) {
      for (const id of memoryIds) {
        const noted = reads.get(id)
        if (noted) Object.assign(noted, { count: noted.count + 1, at })
        else if (reads.size < most) reads.set(id, { count: 1, at })
        else lose()
      }
      soon()
    },
    decided(made) {
      for (const decision of made) {
        const { memoryId, ruleId, ruleName, phase, requestId } = decision
        const key = [memoryId, ruleId, ruleName, phase, requestId].join(' ')
        const noted = decisions.get(key)
        if (noted) noted.times += 1
        else if (decisions.size < most) decisions.set(key, { ...decision, times: 1 })
        else lose()
      }
      soon()
    },
    lost: () => lost,
    idle: flush,
    close: flush,
  }
}
