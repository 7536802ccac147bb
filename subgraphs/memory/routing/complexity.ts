/** Words that join one thing to do to the next. */
const STEPS = /\b(and|then|also|after|before|unless|if|but|while|instead|otherwise)\b/giu
const QUESTIONS = /\?/gu
/** Identifiers, numbers and dates: each is something to be looked up or kept apart. */
const THINGS = /\b(?=\w*\d)[\w-]{2,}\b/gu

/** How much of each counts as much as it can. */
const most = { words: 120, steps: 8, questions: 4, things: 6 } as const

/** How hard a request looks, 0–1: long, of several steps and questions, and about several things. */
export function complexityOf(request: string): number {
  const count = (pattern: RegExp) => request.match(pattern)?.length ?? 0
  const share = (amount: number, full: number) => Math.min(1, amount / full)
  const score =
    0.4 * share(count(/\S+/gu), most.words) +
    0.3 * share(count(STEPS), most.steps) +
    0.15 * share(count(QUESTIONS), most.questions) +
    0.15 * share(count(THINGS), most.things)
  return Math.round(score * 1000) / 1000
}
