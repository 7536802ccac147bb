import type { ImportedConversation, ImportedMessage } from '../import/conversation.ts'

type Line = readonly [speaker: 'Mira' | 'assistant' | 'tool' | 'system', text: string, tool?: string]

const instructions =
  'You help the team of the lighthouse museum in Port Ellery. Answer briefly. Keep what will matter later.'

const story: readonly { id: string; title: string; day: string; lines: readonly Line[] }[] = [
  {
    id: 'demo-opening',
    title: 'When the museum opens',
    day: '2026-03-02',
    lines: [
      ['system', instructions],
      ['Mira', 'We open the Fresnel lens room on 18 April. Tobias Lind repairs the stairs until then.'],
      ['assistant', '', 'find_event'],
      ['tool', '{"event": "Lens room opening", "date": "2026-04-18", "guests": 40, "host": "Mira Sand"}', 'find_event'],
      [
        'assistant',
        'Noted: the Fresnel lens room opens on 18 April for 40 guests, hosted by Mira Sand. Tobias Lind finishes the stairs before.',
      ],
      ['Mira', 'And Harbour Radio wants an interview. They prefer the week before.'],
      ['assistant', 'I suggest 14 April for the interview with Harbour Radio, with Tobias Lind and you.'],
    ],
  },
  {
    id: 'demo-stairs',
    title: 'The stairs are late',
    day: '2026-03-27',
    lines: [
      ['system', instructions],
      ['Mira', 'Tobias Lind says the oak for the stairs comes a week late. Can the lens room still open?'],
      ['assistant', '', 'check_delivery'],
      ['tool', '{"order": "OAK-2291", "supplier": "Northwood Mill", "expected": "2026-04-09"}', 'check_delivery'],
      [
        'assistant',
        'Northwood Mill delivers order OAK-2291 on 9 April. Tobias Lind needs six days, so the stairs are done on 15 April: the Fresnel lens room can open on 18 April.',
      ],
      ['Mira', 'Then we move Harbour Radio to 16 April, when the stairs can be seen.'],
      ['assistant', 'Done: the interview with Harbour Radio is on 16 April.'],
    ],
  },
  {
    id: 'demo-visitors',
    title: 'What visitors ask',
    day: '2026-04-20',
    lines: [
      ['system', instructions],
      ['Mira', 'The opening went well. People asked who built the Fresnel lens.'],
      ['assistant', 'The lens of Port Ellery was made in Paris in 1874. I keep that for the guides.'],
      [
        'Mira',
        'Also remember: school groups from Ellery College come on Thursdays, and they like the stairs of Tobias Lind most.',
      ],
      ['assistant', 'Kept: Ellery College visits on Thursdays.'],
    ],
  },
]

/** A small made-up story: three conversations of a museum's team with its assistant. */
export const conversations: readonly ImportedConversation[] = story.map(({ id, title, day, lines }) => ({
  kind: 'conversation',
  externalId: id,
  title,
  metadata: { demo: true },
  messages: lines.map((line, index) => toMessage(line, day, index)),
}))

function toMessage([speaker, text, tool]: Line, day: string, index: number): ImportedMessage {
  const occurredAt = `${day}T09:${String(index).padStart(2, '0')}:00.000Z`
  const externalId = String(index)
  if (speaker === 'system') return { role: 'SYSTEM', content: text, occurredAt, externalId }
  if (speaker === 'tool')
    return { role: 'TOOL', content: text, name: tool ?? '', toolCallId: `call-${tool}`, occurredAt, externalId }
  if (speaker !== 'assistant') return { role: 'USER', content: text, name: speaker, occurredAt, externalId }
  const calls = tool === undefined ? {} : { toolCalls: [{ id: `call-${tool}`, name: tool, arguments: {} }] }
  return { role: 'ASSISTANT', content: text === '' ? null : text, ...calls, occurredAt, externalId }
}
