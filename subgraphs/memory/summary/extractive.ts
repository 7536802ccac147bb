import type { Said, SummaryBounds, SummaryText } from '../../../stores/summarizer/port.ts'
import { analyze } from '../recall/tokens.ts'
import { isCourtesy } from './courtesy.ts'
import { type Sentence, sentencesOf } from './sentences.ts'
import { keyTopicsOf } from './topics.ts'

export interface Excerpts extends SummaryText {
  /** Which of the messages the sentences were taken from, in order. */
  readonly from: readonly number[]
}

interface Candidate extends Sentence {
  readonly place: number
  readonly terms: readonly string[]
}

/** How a sentence's worth falls with its length: 1 would prefer the densest, 0 the longest. */
const lengthWeight = 0.6
/** How much more the user's own words count: he says what it is about. */
const userWeight = 2
/** Numbers and identifiers tell more than other words, courtesies less. */
const thingWeight = 1.5
const courtesyWeight = 0.5

/**
 * A summary of sentences that were said, in their order: those that together hold the most of what the talk is about. Each
 * next sentence is the one that adds the most that the chosen ones do not have yet, for its length.
 */
export function summarize(messages: readonly Said[], { characters, topics }: SummaryBounds): Excerpts {
  const contents = messages.map(({ content }) => content)
  const weights = termWeights(contents)
  const candidates = sentencesOf(contents)
    .map((sentence, place): Candidate => ({ ...sentence, place, terms: [...analyze(sentence.text).terms.keys()] }))
    .filter(({ terms }) => !terms.every(isCourtesy))
  const chosen: Candidate[] = []
  const covered = new Set<string>()
  let left = characters
  for (let open = candidates; open.length > 0; ) {
    open = open.filter(({ text }) => text.length <= left)
    const best = bestOf(open, ({ terms, text, message }) => {
      const gain = terms.reduce((sum, term) => sum + (covered.has(term) ? 0 : (weights.get(term) ?? 0)), 0)
      return (gain * (messages[message]?.role === 'USER' ? userWeight : 1)) / text.length ** lengthWeight
    })
    if (best === null) break
    chosen.push(best)
    for (const term of best.terms) covered.add(term)
    left -= best.text.length + 1
    open = open.filter((candidate) => candidate !== best)
  }
  chosen.sort((a, b) => a.place - b.place)
  return {
    text: chosen.map(({ text }) => text).join(' '),
    keyTopics: keyTopicsOf(contents, topics),
    from: [...new Set(chosen.map(({ message }) => message))],
  }
}

/** How much of the talk a term stands for: in how many messages it is, and whether it names something. */
function termWeights(contents: readonly string[]): Map<string, number> {
  const messages = new Map<string, number>()
  for (const content of contents) {
    for (const term of analyze(content).terms.keys()) {
      messages.set(term, (messages.get(term) ?? 0) + 1)
    }
  }
  const worth = (term: string) => (isCourtesy(term) ? courtesyWeight : /\p{N}/u.test(term) ? thingWeight : 1)
  return new Map([...messages].map(([term, count]) => [term, Math.log(1 + count) * worth(term)]))
}

/** The best of several, if any is worth something. */
function bestOf<T>(items: readonly T[], worth: (item: T) => number): T | null {
  let best: T | null = null
  let most = 0
  for (const item of items) {
    const value = worth(item)
    if (value <= most) continue
    best = item
    most = value
  }
  return best
}
