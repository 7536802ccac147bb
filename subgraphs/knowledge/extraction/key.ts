const unicodeSpace = /\s+/gu

/**
 * The identity of a concept within an owner: NFKC, case folded, single spaces. Folding goes by way of upper case, which
 * also joins what lower case alone keeps apart (`ß` and `SS`), and begins with lower case, since the capital `ẞ` is its own
 * upper case. Applying it to a key gives the same key.
 */
export function conceptKey(name: string): string {
  const folded = name.normalize('NFKC').toLowerCase().toUpperCase().toLowerCase().normalize('NFKC')
  return folded.replace(/’/gu, "'").replace(unicodeSpace, ' ').trim()
}
