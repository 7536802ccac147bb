import type { ChatMode } from '../records.ts'

interface Facts {
  readonly request: string
  readonly complexity: number
  /** How many tools are proposed. */
  readonly tools: number
  /** The mode that served similar requests, when there are enough of them. */
  readonly experienced: ChatMode | null
}

interface Rule {
  readonly rule: string
  readonly mode: (facts: Facts) => ChatMode | null
}

const wording =
  (pattern: RegExp, mode: ChatMode) =>
  ({ request }: Facts) =>
    pattern.test(request) ? mode : null

const TAUGHT =
  /\b(teach me|help me (to )?(understand|learn)|quiz me|walk me through|guide me|let me work (it|this) out|don['’]t (just )?(tell|give) me the answer)\b/iu
const VIEWS =
  /\b(pros and cons|trade-?offs?|second opinions?|debate|different (views|perspectives|angles)|(panel|group|team) of experts|compare (the )?(options|approaches|designs|alternatives)|consensus)\b/iu

/** What settles the mode, the first that applies: what the user says he wants goes before experience. */
const RULES: readonly Rule[] = [
  { rule: 'asks-to-be-taught', mode: wording(TAUGHT, 'SOCRATIC') },
  { rule: 'asks-for-views', mode: wording(VIEWS, 'EXPERT_GROUP') },
  { rule: 'similar-requests', mode: ({ experienced }) => experienced },
  { rule: 'needs-tools', mode: ({ tools }) => (tools > 0 ? 'SMART_ROUTER' : null) },
  { rule: 'hard', mode: ({ complexity }) => (complexity >= 0.7 ? 'EXPERT_GROUP' : null) },
]

export function modeRules(facts: Facts): { readonly mode: ChatMode; readonly rule: string } {
  for (const { rule, mode } of RULES) {
    const found = mode(facts)
    if (found !== null) return { mode: found, rule }
  }
  return { mode: 'SIMPLE', rule: 'plain' }
}
