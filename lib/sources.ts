import { randomUUID } from 'node:crypto'

/** The present, injected so that tests own the time. */
export interface Clock {
  now(): Date
}

/** New identifiers, injected so that tests can name them. Every id is a UUID. */
export interface IdSource {
  next(): string
}

export const systemClock: Clock = { now: () => new Date() }

/** Random ids: they tell nothing of when or beside what a row was made. */
export const systemIds: IdSource = { next: () => randomUUID() }
