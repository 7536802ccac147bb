import type { ResponsePath } from 'graphql'
import type { SelectedField } from './field.ts'

type Key = string | number

/** An object or a list of an answer that is being made, and where it belongs. */
export class Place {
  readonly parent: Place | null
  readonly key: Key
  /** The field that it is the value of, or an item of the value of. Of the whole answer none. */
  readonly field: SelectedField | null
  /** Whether it may be `null` in its parent. */
  readonly nullable: boolean
  /** Fields or items, written as they come. */
  readonly values: object
  #ended = false

  constructor(parent: Place | null, key: Key, field: SelectedField | null, nullable: boolean, values: object) {
    this.parent = parent
    this.key = key
    this.field = field
    this.nullable = nullable
    this.values = values
  }

  put(key: Key, value: unknown): void {
    ;(this.values as Record<Key, unknown>)[key] = value
  }

  /** Something in it is `null` and may not be: the nearest around it that may be is (GraphQL specification, §6.4.4). */
  end(): void {
    this.#ended = true
    if (!this.parent) return
    if (this.nullable) this.parent.put(this.key, null)
    else this.parent.end()
  }

  /** Whether it has come to nothing; after a wait, `isLost` tells whether anything around it has. */
  get ended(): boolean {
    return this.#ended
  }

  get isLost(): boolean {
    for (let place: Place | null = this; place; place = place.parent) if (place.#ended) return true
    return false
  }

  pathTo(key: Key): Key[] {
    const path = [key]
    for (let place: Place = this; place.parent; place = place.parent) path.push(place.key)
    return path.reverse()
  }

  /** The same as resolvers are told it. */
  responsePathTo(key: Key, field: SelectedField | null): ResponsePath {
    return {
      prev: this.parent?.responsePathTo(this.key, this.field),
      key,
      typename: typeof key === 'number' ? undefined : field?.parentType.name,
    }
  }
}
