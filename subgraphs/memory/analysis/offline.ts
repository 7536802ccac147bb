import type { ContextEngine } from '../../../stores/context-engine/port.ts'
import { isStopWord } from '../recall/stop-words.ts'
import { tokenize } from '../recall/tokens.ts'

const mostTopics = 8
const mostEntities = 16
/** Characters of a word that are kept: what has no spaces, such as a key, would be kept whole. */
const longestWord = 64
/** So many telling words make it as likely as not that the topics are right. */
const evenWords = 8

/** Counts words: what is named often is what it is about, and what is written large within a sentence is a name. */
export const offlineEngine: ContextEngine = {
  version: 'offline-1',
  async analyze(content) {
    const words = tokenize(content)
    const telling = words.filter(({ word }) => word.length > 2 && !isStopWord(word) && !/^\d+$/.test(word))
    const names = telling.filter(({ capitalised }) => capitalised).map(({ word }) => word)
    const result = {
      topics: mostNamed(
        telling.map(({ word }) => word),
        mostTopics,
      ),
      entities: mostNamed(names, mostEntities),
      words: words.length,
      sentences: content.split(/[.!?…]+(?:\s|$)/).filter((sentence) => sentence.trim() !== '').length,
      question: /\?\s*$/.test(content),
    }
    return { result, confidence: telling.length / (telling.length + evenWords) }
  },
}

/** The words that come oftenest; of those that come as often, the ones that come first. */
function mostNamed(words: readonly string[], most: number): string[] {
  const counts = new Map<string, number>()
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1)
  return [...counts]
    .sort((a, b) => b[1] - a[1])
    .slice(0, most)
    .map(([word]) => word.slice(0, longestWord))
}
