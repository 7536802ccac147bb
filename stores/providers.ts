import type { ContextEngineAddress } from './context-engine/remote.ts'
import type { SummaryProvider } from './summarizer/port.ts'
import type { TranscriptProvider } from './transcriber/port.ts'

/** Services of others that do what is done without them otherwise, or not at all; each is absent unless it is named. */
export interface Providers {
  /** A model that tells what a conversation was about; without it summaries are made of what was said. */
  readonly summaries?: SummaryProvider | undefined
  /** Tells what contents are about; without it words are counted. */
  readonly contextEngine?: ContextEngineAddress | undefined
  /** Writes down what was said; without it transcripts come from clients. */
  readonly transcripts?: TranscriptProvider | undefined
}
