import type { Wanted } from './question.ts'

/** What a text shows by its form, one bit each: asked of it once, when it is written. */
export const TRAITS = {
  ASKS: 1,
  TELLS: 2,
  ADDRESSES: 4,
  REACTS: 8,
  TIME: 16,
  PLACE: 32,
  NUMBER: 64,
  REASON: 128,
} as const satisfies Record<Wanted | 'ASKS' | 'TELLS' | 'ADDRESSES' | 'REACTS', number>

export type Trait = keyof typeof TRAITS

/** Only a text's end is looked at, or a long text of question marks and brackets would take minutes. */
const LONGEST_ENDING = 400

const FORMS: Readonly<Record<Trait, RegExp>> = {
  // Its last sentence is a question; what is added in brackets after it (a picture's caption) does not count.
  ASKS: /[?？]\s*(\[[^\]]*\]\s*)?$/,
  TELLS: /\b(I|my|we|our)\b/,
  ADDRESSES: /\b(you|your)\b/i,
  // Openings of turns that answer another's news and bring none.
  REACTS:
    /^\W*(wow|that'?s|that (is|sounds|must)|thanks|thank you|awesome|cool|nice|great|sounds|congrat\w*|sorry|yeah|yes|absolutely|totally|glad|so (glad|happy|proud))\b/i,
  // What an answer of each wanted kind tends to hold.
  TIME: /\b(yesterday|to(day|night|morrow)|(last|next|this|past) (night|morning|week|weekend|month|year|summer|autumn|fall|winter|spring|(mon|tues?|wed|thu|thurs|fri|sat|sun)[a-z]*)|ago|recently|lately|since|weekend|the other day|(mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august|september|october|november|december|(19|20)\d\d)\b/i,
  PLACE:
    /\b(in|at|to|from|near|around|visit(ed)?) ((the|a|my|our|this) )?(\p{Lu}|local|nearby|beach|park|mountains?|lake|forest|museum|city|town|country|home|shelter|church|school|gym|caf[eé]|restaurant)/u,
  NUMBER:
    /\b(\d+|one|two|three|four|five|six|seven|eight|nine|ten|once|twice|few|couple|several|many|dozen|hundred|(year|month|week|day|hour|minute)s?)\b/i,
  REASON:
    /\b(because|since|so that|'?cause|reasons?|inspired|motivat\w+|want(ed)?|help(s|ed)?|ma[kd]e|reminds?|love)\b/i,
}

const ALL = Object.keys(TRAITS) as readonly Trait[]

/** The traits of a text, as bits. */
export function traitsOf(content: string): number {
  const ending = content.slice(-LONGEST_ENDING)
  let traits = 0
  for (const trait of ALL) if (FORMS[trait].test(trait === 'ASKS' ? ending : content)) traits |= TRAITS[trait]
  return traits
}
