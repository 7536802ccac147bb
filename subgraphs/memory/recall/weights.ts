/** What a hit's score is made of, as the answer names it. */
export type Part = 'TEXT' | 'VECTOR' | 'NEIGHBOURS' | 'SESSION' | 'TIME' | 'PARTICIPANT' | 'DIALOGUE' | 'RECENCY'

/** The part that each signal counts towards. signals.ts says what each of them measures. */
export const SIGNAL_PARTS = {
  text: 'TEXT',
  textSquared: 'TEXT',
  phrase: 'TEXT',
  length: 'TEXT',
  wanted: 'TEXT',
  vector: 'VECTOR',
  related: 'VECTOR',
  textBefore: 'NEIGHBOURS',
  textAfter: 'NEIGHBOURS',
  textAround: 'NEIGHBOURS',
  relatedBefore: 'NEIGHBOURS',
  relatedAfter: 'NEIGHBOURS',
  relatedAround: 'NEIGHBOURS',
  neighbours: 'NEIGHBOURS',
  sessionRelated: 'SESSION',
  sessionText: 'SESSION',
  time: 'TIME',
  wantedTime: 'TIME',
  participant: 'PARTICIPANT',
  asks: 'DIALOGUE',
  answers: 'DIALOGUE',
  answersMatch: 'DIALOGUE',
  opening: 'DIALOGUE',
  recency: 'RECENCY',
} as const satisfies Record<string, Part>

export type Signal = keyof typeof SIGNAL_PARTS
export const SIGNALS = Object.keys(SIGNAL_PARTS) as readonly Signal[]
export type Weights = Readonly<Record<Signal, number>>

export interface RecallSettings {
  readonly weights: Weights
  /** How many memories full text, and how many vectors, may bring in. */
  readonly textCandidates: number
  readonly vectorCandidates: number
  /** How many places before and after a memory count as its neighbourhood. */
  readonly radius: number
  /** The part of its strength that a match keeps with each place it is away. */
  readonly fading: number
  /** How many related words of each word of the question are searched for, and how much they count against it. */
  readonly expansions: number
  readonly expansionBoost: number
  /** The days over which a memory's recency halves. */
  readonly recencyHalfLife: number
  /** Whether what holds of two people talking (an answer follows its question) may count. */
  readonly dialogue: boolean
}

/** Fitted with `bench/recall/evaluate.ts --tune`; every one of them is of the size of its signal's usual range, 1. */
export const DEFAULT_WEIGHTS: Weights = {
  text: 0.64,
  textSquared: 0.54,
  phrase: 0.65,
  length: 1.39,
  wanted: 1.07,
  vector: 2.38,
  related: 0,
  textBefore: 1.49,
  textAfter: 0,
  textAround: 0,
  relatedBefore: 3.16,
  relatedAfter: 0,
  relatedAround: 2.22,
  neighbours: 3.01,
  sessionRelated: 0.89,
  sessionText: 0.64,
  time: 3.69,
  wantedTime: 2.15,
  participant: 1.06,
  asks: -0.73,
  answers: 0.3,
  answersMatch: 2.09,
  opening: 0.73,
  recency: 0.05,
}

export const DEFAULT_SETTINGS: RecallSettings = {
  weights: DEFAULT_WEIGHTS,
  textCandidates: 200,
  vectorCandidates: 50,
  radius: 4,
  fading: 0.8,
  expansions: 6,
  expansionBoost: 0.4,
  recencyHalfLife: 90,
  dialogue: true,
}
