/** What an operator says of recall's ranking. Which signals there are to weigh, the memory room knows. */
export interface RecallConfiguration {
  /** Weights by signal; those that are absent are as shipped. */
  readonly weights: Readonly<Record<string, number>>
  /** Whether what holds of two people talking (an answer follows its question) may count. */
  readonly dialogue: boolean
}
