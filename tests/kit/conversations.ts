import { writeFileSync } from 'node:fs'

/** Made-up conversations of a garden centre's assistant, in OpenAI's chat format, one a line. */
export function conversationLines(count: number): string[] {
  return Array.from({ length: count }, (_, n) =>
    JSON.stringify({
      id: `garden-${n}`,
      score: n % 2,
      messages: [
        { role: 'system', content: 'You help the customers of the Greenfield garden centre. Be brief.' },
        { role: 'user', content: `Hello, I am Rosa Vidal. Did my order GC-${1000 + n} of apple trees leave Hamburg?` },
        {
          role: 'assistant',
          content: null,
          tool_calls: [
            {
              id: `call-${n}`,
              type: 'function',
              function: { name: 'find_order', arguments: `{"order":"GC-${1000 + n}"}` },
            },
          ],
        },
        {
          role: 'tool',
          tool_call_id: `call-${n}`,
          name: 'find_order',
          content: `{"order": "GC-${1000 + n}", "city": "Hamburg", "trees": ${n + 1}}`,
        },
        { role: 'assistant', content: `Your order GC-${1000 + n} left Hamburg with ${n + 1} apple trees, Rosa Vidal.` },
        { role: 'user', content: 'Thank you. I will plant them beside the greenhouse of Emil Krause.' },
      ],
    }),
  )
}

export function writeLines(file: string, lines: readonly string[]): string {
  writeFileSync(file, `${lines.join('\n')}\n`)
  return file
}
