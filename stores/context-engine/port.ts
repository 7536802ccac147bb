/** What an engine found in a content. */
export interface Findings {
  readonly result: Readonly<Record<string, unknown>>
  /** How much there was to go by: 0 to 1. */
  readonly confidence: number
}

/** Tells what a content is about. Another engine, or another version, has another name, under which nothing is kept yet. */
export interface ContextEngine {
  /** Name and version, at most 64 characters. */
  readonly version: string
  analyze(content: string, signal: AbortSignal): Promise<Findings>
}

/** How long analyses of contents are kept, and how many of each owner. */
export interface AnalysisKeeping {
  readonly hours: number
  readonly perOwner: number
}

export const analysesAsShipped: AnalysisKeeping = { hours: 24, perOwner: 10_000 }
