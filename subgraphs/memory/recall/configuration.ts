import { z } from 'zod'
import type { RecallConfiguration } from '../../../lib/recall-configuration.ts'
import { DEFAULT_SETTINGS, type RecallSettings, SIGNALS, type Weights } from './weights.ts'

const signal = z.enum(SIGNALS, { error: (issue) => `${JSON.stringify(issue.input)} is not a signal` })
const configuration = z.strictObject({
  weights: z.partialRecord(signal, z.number().min(-1000).max(1000)).default({}),
  dialogue: z.boolean().default(true),
})

/**
 * Reads a file of weights: `{"weights": {"text": 0.8, …}, "dialogue": false}`, as `mnemograph evaluate --tune` writes it.
 * @throws Error that says what is wrong with it
 */
export function readRecallConfiguration(text: string): RecallConfiguration {
  const found = configuration.safeParse(JSON.parse(text))
  if (found.success) return found.data
  throw new Error(found.error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; '))
}

/** The settings that recall works with under a configuration. */
export function recallSettings(given: RecallConfiguration | undefined): RecallSettings {
  if (given === undefined) return DEFAULT_SETTINGS
  const weights: Weights = { ...DEFAULT_SETTINGS.weights, ...given.weights }
  return { ...DEFAULT_SETTINGS, weights, dialogue: given.dialogue }
}
