import { parentPort } from 'node:worker_threads'
import { countCasing } from './casing.ts'
import { extractBatch } from './extract.ts'
import { createTagger, type Tagger } from './tagger.ts'
import type { Casing, CasingLookup, Mention, Source } from './types.ts'

/** What the worker is asked, one job at a time. */
export type Job =
  | { readonly kind: 'count'; readonly texts: readonly string[] }
  | { readonly kind: 'extract'; readonly sources: readonly Source[]; readonly casing: CasingLookup }

/** What it answers; `failed` carries the reason of a fault in our own code. */
export type Answer =
  | { readonly kind: 'counted'; readonly casing: Map<string, Casing>[] }
  | { readonly kind: 'extracted'; readonly mentions: Mention[][] }
  | { readonly kind: 'failed'; readonly message: string }

let tagger: Tagger | undefined

function work(job: Job): Answer {
  if (job.kind === 'count') return { kind: 'counted', casing: job.texts.map(countCasing) }
  tagger ??= createTagger()
  return { kind: 'extracted', mentions: extractBatch(job.sources, job.casing, tagger) }
}

parentPort?.on('message', (job: Job) => {
  let answer: Answer
  try {
    answer = work(job)
  } catch (error) {
    answer = { kind: 'failed', message: error instanceof Error ? error.message : String(error) }
  }
  parentPort?.postMessage(answer)
})
