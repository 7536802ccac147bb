/** What a hit's score is made of, as the answer names it. */
export type Part = 'TEXT' | 'VECTOR' | 'NEIGHBOURS' | 'SESSION' | 'TIME' | 'PARTICIPANT' | 'DIALOGUE' | 'RECENCY'

/** The part that each signal counts towards. signals.ts says what each of them measures. */
export const SIGNAL_PARTS = {
  text: 'TEXT',
  textSquared: 'TEXT',
  phrase: 'TEXT',
  length: 'TEXT',
  wantedPlace: 'TEXT',
  wantedNumber: 'TEXT',
  wantedReason: 'TEXT',
  several: 'TEXT',
  vector: 'VECTOR',
  textBefore: 'NEIGHBOURS',
  relatedBefore: 'NEIGHBOURS',
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
  tells: 'DIALOGUE',
  reacts: 'DIALOGUE',
  addresses: 'DIALOGUE',
  ofSelf: 'DIALOGUE',
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
  /** What is left of its neighbours' say where a question asks for several things: each stands among other talk. */
  readonly apart: number
  /** How many related words of each word of the question are searched for, and how much they count against it. */
  readonly expansions: number
  readonly expansionBoost: number
  /** The days over which a memory's recency halves. */
  readonly recencyHalfLife: number
  /** Whether what holds of two people talking (an answer follows its question) may count. */
  readonly dialogue: boolean
}

/** Fitted with `mnemograph evaluate GOLD --tune FILE` (docs/recall.md). */
export const DEFAULT_WEIGHTS: Weights = {
  text: 0.81,
  textSquared: 0.23,
  phrase: 0.4,
  length: 0.44,
  wantedPlace: 4.3,
  wantedNumber: 2.77,
  wantedReason: 0.13,
  several: 5,
  vector: 3.19,
  textBefore: 1.43,
  relatedBefore: 3.24,
  relatedAround: 2.21,
  neighbours: 3.04,
  sessionRelated: 1.56,
  sessionText: 0.68,
  time: 4.9,
  wantedTime: 2.1,
  participant: 0.74,
  asks: -0.41,
  answers: 0.08,
  answersMatch: 2.13,
  tells: 0.22,
  reacts: -0.12,
  addresses: -0.54,
  ofSelf: 0.44,
  opening: 0.66,
  recency: 0.05,
}

export const DEFAULT_SETTINGS: RecallSettings = {
  weights: DEFAULT_WEIGHTS,
  textCandidates: 200,
  vectorCandidates: 50,
  radius: 4,
  fading: 0.8,
  apart: 0.5,
  expansions: 6,
  expansionBoost: 0.4,
  recencyHalfLife: 90,
  dialogue: true,
}
