/**
 * A text in parts of at most so many characters, which together say all of it. Each ends with a line if one ends in its
 * last quarter, else with a word; a text without either is cut where it must be.
 */
export function partsOf(text: string, most: number): string[] {
  if (text.length <= most) return [text]
  const characters = [...text]
  const parts: string[] = []
  for (let from = 0; from < characters.length; ) {
    const end = from + most < characters.length ? endOf(characters, from, most) : characters.length
    parts.push(characters.slice(from, end).join(''))
    from = end
  }
  return parts
}

function endOf(characters: readonly string[], from: number, most: number): number {
  for (const mark of ['\n', ' ']) {
    const last = characters.lastIndexOf(mark, from + most - 1)
    if (last >= from + Math.ceil(most * 0.75)) return last + 1
  }
  return from + most
}
