import type { Topic } from './port.ts'

const topics = ['events', 'session-ended', 'vectors-switched'] as const satisfies readonly Topic[]

/** A hint as text, for a bus between processes. */
export function writeMessage(topic: Topic, message: string): string {
  return JSON.stringify([topic, message])
}

/** Null for what is not of our making. */
export function readMessage(text: string): readonly [Topic, string] | null {
  try {
    const [topic, message] = JSON.parse(text) as unknown[]
    const known = topics.find((candidate) => candidate === topic)
    return known !== undefined && typeof message === 'string' ? [known, message] : null
  } catch {
    return null
  }
}
