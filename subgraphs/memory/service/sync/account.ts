import type { SyncAction, SyncConflict, SyncSide } from '../../sync-records.ts'
import type { ConflictStrategy, Decision, Stamp } from './decide.ts'

/** What is told of what was done. */
export function actionOf({ step }: Decision, isNew: boolean): SyncAction {
  if (step === 'NONE') return 'UNCHANGED'
  if (step === 'KEEP') return 'KEPT'
  if (step === 'MERGE') return 'MERGED'
  return isNew ? 'ADDED' : 'UPDATED'
}

/** The sides that were changed. */
export function sideOf(source: boolean, target: boolean): SyncSide | null {
  if (source && target) return 'BOTH'
  if (source) return 'SOURCE'
  return target ? 'TARGET' : null
}

/** A conflict, as it was settled; null when there was none. */
export function conflictOf(
  { conflict, step }: Decision,
  subject: Pick<SyncConflict, 'key' | 'memoryId'>,
  strategy: ConflictStrategy,
  source: Stamp | null,
  target: Stamp | null,
): SyncConflict | null {
  if (!conflict || !source || !target) return null
  const winner = step === 'MERGE' ? 'BOTH' : step === 'TO_TARGET' ? 'SOURCE' : 'TARGET'
  return { ...subject, strategy, winner, sourceVersion: source.version, targetVersion: target.version }
}
