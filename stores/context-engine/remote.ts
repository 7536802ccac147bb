import { z } from 'zod'
import { type ProviderAddress, provider } from '../provider.ts'
import type { ContextEngine } from './port.ts'

/** What an engine finds is kept, and as short as what clients keep. */
const limits = { ms: 10_000, bytes: 65_536 }

const findings = z.object({ result: z.record(z.string(), z.unknown()), confidence: z.number().min(0).max(1) })

export interface ContextEngineAddress extends ProviderAddress {
  /** The engine's name and version: what another found is not taken for its own. */
  readonly version: string
}

/** An engine behind HTTP: it is sent `{ content }` in JSON, and answers `{ result, confidence }`. */
export function remoteEngine({ version, ...address }: ContextEngineAddress): ContextEngine {
  const ask = provider('context analyses', address, limits)
  return {
    version,
    async analyze(content, signal) {
      return findings.parse(await ask(JSON.stringify({ content }), signal))
    },
  }
}
