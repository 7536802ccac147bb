/**
 * English words that tell nothing of what a text is about: articles, pronouns, auxiliaries, prepositions, question
 * words and their contractions. Kept short on purpose: rare-word weighting handles the rest.
 */
const WORDS = `
a an the this that these those
i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers herself
it its itself they them their theirs themselves
who whom whose which what when where why how
am is are was were be been being have has had having do does did doing will would shall should can could may might must
and or but nor if then else so than as because while until though although
of at by for with about against between into through during before after above below to from up down in out on off over
under again further here there
all any both each few more most other some such no not only own same too very just also even ever still
s t d ll m o re ve im ive id youre youve youll
`

const STOP_WORDS = new Set(WORDS.split(/\s+/).filter(Boolean))

const CONTRACTION = /^([a-z]+)'(m|re|ve|ll|d|s|t)$/

/** `don't`, `they've` and the like are stop words as their first half is. */
export function isStopWord(word: string): boolean {
  if (STOP_WORDS.has(word)) return true
  const contraction = CONTRACTION.exec(word)
  if (!contraction) return false
  const [, base = '', ending] = contraction
  return STOP_WORDS.has(base) || (ending === 't' && STOP_WORDS.has(base.replace(/n$/, '')))
}
