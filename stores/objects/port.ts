/**
 * Files that are too large for a row: exports, archives. The owner is part of every question: the store has no other
 * fence.
 */
export interface ObjectStore {
  /**
   * Keeps the bytes under the name, in place of what was there. A reader at the same time gets the one or the other,
   * whole; when the body fails, what was there stays.
   * @returns how many bytes there were
   * @throws InvalidObjectName
   */
  put(ownerId: string, name: string, body: AsyncIterable<Uint8Array>): Promise<number>
  /** The bytes, as they are read; null when there are none of this name. */
  get(ownerId: string, name: string): Promise<AsyncIterable<Uint8Array> | null>
  /** The owner's names that begin with the prefix, in order; only of what was put before a moment if one is given. */
  list(ownerId: string, prefix?: string, before?: Date): Promise<string[]>
  /** @returns whether there was one. */
  remove(ownerId: string, name: string): Promise<boolean>
  /** Removes all that the owner has. @returns how many there were. */
  removeAll(ownerId: string): Promise<number>
  health(): Promise<boolean>
}

/** A name or owner that could mean something to a file system. */
export class InvalidObjectName extends Error {
  override readonly name = 'InvalidObjectName'
  constructor(given: string) {
    super(
      `${JSON.stringify(given.slice(0, 100))} names no object: letters, digits, "-", "_" and "." in parts between "/"`,
    )
  }
}

const part = /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$/
const mostParts = 8

/** The parts of a name, each fit to be a file's. @throws InvalidObjectName */
export function objectPath(ownerId: string, name: string): readonly string[] {
  const parts = name.split('/')
  if (parts.length > mostParts || !parts.every((each) => part.test(each))) throw new InvalidObjectName(name)
  return [objectOwner(ownerId), ...parts]
}

/** @throws InvalidObjectName */
export function objectOwner(ownerId: string): string {
  if (!part.test(ownerId)) throw new InvalidObjectName(ownerId)
  return ownerId
}
