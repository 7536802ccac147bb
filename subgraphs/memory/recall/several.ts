/** Verbs that a question's noun phrase ends at: "which countries HAS she been to". */
const AUXILIARY =
  '(?:has|have|had|do|does|did|is|are|was|were|can|could|will|would|shall|should|may|might|must)(?![\\p{L}\\p{N}])'
const WORD = `(?!${AUXILIARY})[\\p{L}\\p{N}'’+/.-]+\\s+`
const PLURAL = `(?!${AUXILIARY})(?:[\\p{L}'’/-]*(?!s)\\p{L}s|people|children|men|women)\\s+`

/** How English asks for more than one thing. */
const SEVERAL: readonly RegExp[] = [
  /\bboth\b/iu,
  // What has happened by now may have happened often: "where has she camped".
  expression(`\\b(?:what|which|where|who|how many)\\s+(?:${WORD}){0,5}(?:has|have)\\s`),
  expression(`\\b(?:what|which|how many)\\s+(?:${WORD}){0,5}?${PLURAL}(?=${AUXILIARY})`),
  /\b(?:what|which) (?:kinds|types|sorts) of\b/iu,
  expression(`\\bwhat\\s+(?:are|were)\\s+${WORD}`),
]

/** A question that wants a list, or something in common: its answers stand apart. Unknown forms count as wanting one. */
export function wantsSeveral(text: string): boolean {
  return SEVERAL.some((form) => form.test(text))
}

function expression(source: string): RegExp {
  return new RegExp(source, 'iu')
}
