import type { Supergraph } from '../supergraph.ts'

/** A property access, whatever the name. */
export function property(object: string, name: string): string {
  return `${object}[${JSON.stringify(name)}]`
}

/** The names that an object's `__typename` can have where one of these types is asked for. */
export function typesMatching(supergraph: Supergraph, names: readonly string[]): Set<string> {
  const matching = new Set(names)
  for (const name of names) {
    for (const possible of supergraph.possibleTypes.get(name) ?? []) matching.add(possible)
  }
  return matching
}

/** An expression that is true when the value is one of the names. */
export function isOneOf(value: string, names: Iterable<string>): string {
  const tests = [...names].map((name) => `${value} === ${JSON.stringify(name)}`)
  return tests.length > 0 ? `(${tests.join(' || ')})` : 'false'
}

/** A comment that no name can break out of. */
export function comment(text: string): string {
  return `// ${text.replace(/[^\x20-\x7e]/g, ' ')}`
}

/** Hands out names of functions that are not taken yet. */
export class Names {
  #last = 0

  next(stem: string): string {
    return `${stem}${++this.#last}`
  }
}
