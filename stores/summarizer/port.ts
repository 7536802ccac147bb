import type { ProviderAddress } from '../provider.ts'

/** What was said in a conversation, in order. */
export interface Said {
  readonly role: 'USER' | 'ASSISTANT'
  readonly content: string
}

export interface SummaryBounds {
  /** How long the text may be. Characters. */
  readonly characters: number
  /** How many key topics at most. */
  readonly topics: number
}

export interface SummaryText {
  readonly text: string
  readonly keyTopics: readonly string[]
}

/** Tells in its own words what a conversation was about. */
export interface Summarizer {
  /** Name of the model, kept with each summary. */
  readonly model: string
  /** Rejects when the model cannot be reached or answers nonsense, and with the signal's reason when it aborts. */
  summarize(said: readonly Said[], bounds: SummaryBounds, signal: AbortSignal): Promise<SummaryText>
}

/** Where a model is that speaks the Chat Completions API; its address is the API's base, up to and with its version. */
export interface SummaryProvider extends ProviderAddress {
  readonly model: string
}
