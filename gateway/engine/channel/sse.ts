/** One event of a stream of server-sent events. */
export interface ServerEvent {
  readonly event: string
  readonly data: string
}

/**
 * Reads server-sent events (WHATWG HTML, section 9.2.6) from a body as it arrives; nothing is read ahead of the
 * consumer beyond one chunk.
 * @param limit The most bytes that one event may have.
 * @throws RangeError when an event is larger.
 */
export async function* readServerEvents(body: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder()
  let rest = ''
  let event = ''
  let data: string[] = []
  for await (const chunk of body) {
    rest += decoder.decode(chunk, { stream: true })
    if (rest.length + data.reduce((sum, line) => sum + line.length, 0) > limit) {
      throw new RangeError(`An event is larger than ${limit} bytes.`)
    }
    // A carriage return at the end may be half of a line's end.
    const lines = rest.split(/\r\n|\n|\r(?!$)/)
    rest = lines.pop() ?? ''
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0 || event !== '') yield { event: event || 'message', data: data.join('\n') }
        event = ''
        data = []
      } else {
        const [field, value] = fieldOf(line)
        if (field === 'event') event = value
        else if (field === 'data') data.push(value)
      }
    }
  }
}

/** A line's name and value; a comment has an empty name. */
function fieldOf(line: string): readonly [string, string] {
  const colon = line.indexOf(':')
  if (colon === -1) return [line, '']
  const value = line.slice(colon + 1)
  return [line.slice(0, colon), value.startsWith(' ') ? value.slice(1) : value]
}
