/** A string value inside structured text. */
export interface Fragment {
  readonly text: string
  /** The property it stands under, lower case; empty in a list at the top. */
  readonly property: string
  readonly start: number
  readonly end: number
}

const opening = /^\s{0,16}(?:\{\s*["}]|\[\s*["{[\]\d-])/u
const mostFragments = 2_000

/**
 * The string values of a text that is JSON, as tools answer with; null for prose. It scans and does not parse, so a
 * cut-off answer still gives what came through.
 */
export function fragments(text: string): Fragment[] | null {
  if (!opening.test(text.slice(0, 200))) return null
  const found: Fragment[] = []
  let property = ''
  let open = text.indexOf('"')
  while (open >= 0 && found.length < mostFragments) {
    const end = closing(text, open + 1)
    if (end < 0) break
    const raw = text.slice(open + 1, end)
    if (isProperty(text, end + 1)) property = raw.toLowerCase()
    else found.push({ text: unescaped(raw), property, start: open + 1, end })
    open = text.indexOf('"', end + 1)
  }
  return found
}

/** Where the string that began before `from` is closed; negative when it never is. */
function closing(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const character = text[at]
    if (character === '\\') at++
    else if (character === '"') return at
  }
  return -1
}

function isProperty(text: string, after: number): boolean {
  let at = after
  while (text[at] === ' ' && at < after + 8) at++
  return text[at] === ':'
}

/** Escapes of one character become blanks, which keeps offsets; `\u` escapes spell letters and must be decoded. */
function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw
  if (!raw.includes('\\u')) return raw.replace(/\\n/gu, ' \n').replace(/\\./gsu, '  ')
  return raw.replace(/\\u([0-9a-f]{4})/giu, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
