/**
 * Wakes those who wait for something to happen, here or on another instance. A message is a hint and may be lost or
 * doubled: whoever is woken reads the truth where it is kept.
 */
export interface Bus {
  /**
   * Returns at once; listeners hear later.
   * @param message at most `longestMessage` characters; RangeError beyond.
   */
  publish(topic: Topic, message?: string): void
  /** @returns what ends the subscription. */
  subscribe(topic: Topic, listener: (message: string) => void): () => void
  /** Afterwards nobody hears anything, and publishing does nothing. */
  close(): Promise<void>
}

/**
 * `events`: the log has grown. `session-ended`: the sign-in whose id is the message is over. `vectors-switched`: another
 * index of vectors is searched from now on.
 */
export type Topic = 'events' | 'session-ended' | 'vectors-switched'

/** A message names something; what it says of it is read elsewhere. Characters. */
export const longestMessage = 1000

/** @throws RangeError when the message is longer than a bus carries. */
export function checkMessage(message: string): void {
  if (message.length > longestMessage) throw new RangeError(`a message has at most ${longestMessage} characters`)
}
