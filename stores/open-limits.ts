import { inProcessLimits } from './limits/in-process.ts'
import type { Limits } from './limits/port.ts'

/** Limits of this process, for whoever needs no other store. */
export function openProcessLimits(): Limits {
  return inProcessLimits()
}
