/**
 * Wakes those who wait for something to happen, here or on another instance. A message is a hint and may be lost or
 * doubled: whoever is woken reads the truth where it is kept.
 */
export interface Bus {
  publish(topic: Topic, message?: string): void
  /** @returns what ends the subscription. */
  subscribe(topic: Topic, listener: (message: string) => void): () => void
  close(): Promise<void>
}

/** `events`: the log has grown. `session-ended`: the sign-in whose id is the message is over. */
export type Topic = 'events' | 'session-ended'
