import { type Aged, canonical, isNewer } from './merge.ts'

export type ConflictStrategy = 'NEWEST' | 'SOURCE' | 'TARGET' | 'MERGE'

/** A thing as a session has it. */
export interface Side<T> extends Aged<T> {
  readonly version: number
}

/** The versions at which two sessions last agreed on a thing. */
export interface Mark {
  readonly source: Stamp
  readonly target: Stamp
}

export interface Stamp {
  readonly version: number
  readonly at: Date
}

/** What is to be done with a thing, and whether both sides had changed it. */
export interface Decision {
  readonly step: 'NONE' | 'KEEP' | 'TO_TARGET' | 'TO_SOURCE' | 'MERGE'
  readonly conflict: boolean
}

export interface Compared<T> {
  readonly source: Side<T> | null
  readonly target: Side<T> | null
  readonly mark: Mark | null
}

/**
 * Compares a thing on both sides with the versions that they last agreed on. Who alone has changed it is right; where
 * both have, or nobody knows who has, the strategy decides. Nothing is ever removed.
 * @param bothWays whether the source may be changed too
 */
export function decide<T>(
  { source, target, mark }: Compared<T>,
  strategy: ConflictStrategy,
  bothWays: boolean,
): Decision {
  const toSource = bothWays ? 'TO_SOURCE' : 'KEEP'
  if (source === null) return { step: target === null ? 'NONE' : toSource, conflict: false }
  if (target === null) return { step: 'TO_TARGET', conflict: false }
  if (canonical(source.body) === canonical(target.body)) return { step: 'NONE', conflict: false }
  const sourceChanged = mark === null || !isAt(source, mark.source)
  const targetChanged = mark === null || !isAt(target, mark.target)
  if (sourceChanged !== targetChanged) return { step: sourceChanged ? 'TO_TARGET' : toSource, conflict: false }
  if (strategy === 'MERGE') return { step: 'MERGE', conflict: true }
  const sourceWins = strategy === 'NEWEST' ? isNewer(source, target) : strategy === 'SOURCE'
  return { step: sourceWins ? 'TO_TARGET' : toSource, conflict: true }
}

/** The same version and the same moment: a key that began anew may have had the version before. */
function isAt(side: Stamp, stamp: Stamp): boolean {
  return side.version === stamp.version && side.at.getTime() === stamp.at.getTime()
}
