/**
 * How well the router proposes tools, on conversations of a tool-calling agent.
 *
 *   node bench/routing/run.ts FILE     FILE holds one conversation a line in OpenAI's chat format
 *
 * A request is what the user said; what it led to are the tools that were called before he spoke again. It succeeded when no
 * tool answered with an error. Where a conversation says in which `mode` it was led, the proposed mode is measured too. Every request is proposed for with all decisions but those of its own task (ids are
 * `<domain>-<task>-<trial>`): trials of one task are near copies. Beside it stands what always says the commonest.
 */
import { readFileSync } from 'node:fs'
import type { ChatMode } from '../../subgraphs/memory/records.ts'
import { propose } from '../../subgraphs/memory/routing/propose.ts'
import { type PastDecision, termsOfRequest } from '../../subgraphs/memory/routing/similar.ts'

interface Sample extends PastDecision {
  readonly task: string
  readonly request: string
  readonly lastTools: readonly string[]
  /** Whether the conversation says its mode. */
  readonly hasMode: boolean
}

interface ChatMessage {
  readonly role: string
  readonly content: string | null
  readonly tool_calls?: readonly { readonly function: { readonly name: string } }[]
}

const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node bench/routing/run.ts FILE')
  process.exit(2)
}
const samples = readFileSync(file, 'utf8')
  .split('\n')
  .filter(Boolean)
  .flatMap((line) => samplesOf(JSON.parse(line)))
const known = [...new Set(samples.flatMap(({ tools }) => tools))].map((name) => ({ name }))
const others = Map.groupBy(samples, ({ task }) => task)
for (const task of others.keys())
  others.set(
    task,
    samples.filter((sample) => sample.task !== task),
  )

const rows = samples.map((sample) => {
  const past = others.get(sample.task) ?? []
  const { request, lastTools } = sample
  const { tools, candidates, mode } = propose({ request, lastTools, tools: null, past })
  return {
    called: new Set(sample.tools),
    tools: tools.map(({ name }) => name),
    best: candidates[0]?.name ?? '',
    cold: propose({ request, lastTools: [], tools: known, past: [] }).candidates[0]?.name ?? '',
    commonest: commonestOf(past),
    mode,
    led: sample.hasMode ? sample.mode : null,
    commonestMode: mostOf(past.filter(({ hasMode }) => hasMode).map((each) => each.mode)),
  }
})
const withMode = rows.filter(({ led }) => led !== null)
const withTools = rows.filter(({ called }) => called.size > 0)
const share = (list: typeof rows, fits: (row: (typeof rows)[number]) => boolean) =>
  `${((100 * list.filter(fits).length) / list.length).toFixed(1)} %`
console.log(`${samples.length} requests, ${withTools.length} of them led to tools; ${others.size} tasks`)
console.table({
  'which tool: the likeliest was called, of those that led to tools': {
    router: share(withTools, ({ called, best }) => called.has(best)),
    'without experience': share(withTools, ({ called, cold }) => called.has(cold)),
    commonest: share(withTools, ({ called, commonest }) => called.has(commonest)),
  },
  'whether: tools or none rightly told, of all': {
    router: share(rows, ({ called, tools }) => called.size > 0 === tools.length > 0),
    commonest: share(rows, ({ called }) => called.size === 0),
  },
  'both: exactly these tools or none, of all': {
    router: share(rows, ({ called, tools }) => same(called, tools)),
    commonest: share(rows, ({ called }) => called.size === 0),
  },
})
if (withMode.length > 0) {
  console.table({
    'which mode: the proposed one led, of those whose conversation says its mode': {
      router: share(withMode, ({ led, mode }) => led === mode),
      commonest: share(withMode, ({ led, commonestMode }) => led === commonestMode),
    },
  })
} else console.log('no conversation says its mode, so the proposed mode is not measured against the commonest one')

interface Conversation {
  readonly id: string
  readonly messages: readonly ChatMessage[]
  readonly mode?: ChatMode
}

function samplesOf({ id, messages, mode }: Conversation): Sample[] {
  const task = id.split('-').slice(0, 2).join('-')
  const turns: { request: string; tools: string[]; success: boolean }[] = []
  for (const { role, content, tool_calls = [] } of messages) {
    if (role === 'user') turns.push({ request: content ?? '', tools: [], success: true })
    const turn = turns.at(-1)
    if (turn === undefined) continue
    turn.tools.push(...(tool_calls ?? []).map((call) => call.function.name))
    if (role === 'tool' && /^Error/.test(content ?? '')) turn.success = false
  }
  return turns.map(({ request, tools, success }, i) => {
    const lastTools = turns[i - 1]?.tools ?? []
    const terms = termsOfRequest(request, lastTools)
    const led = { mode: mode ?? 'SMART_ROUTER', hasMode: mode !== undefined } as const
    return { id: `${id}:${i}`, task, request, lastTools, terms, tools, success, ...led }
  })
}

function commonestOf(past: readonly PastDecision[]): string {
  return mostOf(past.flatMap(({ tools }) => [...new Set(tools)]))
}

function mostOf(names: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? ''
}

function same(called: ReadonlySet<string>, proposed: readonly string[]): boolean {
  return called.size === proposed.length && proposed.every((tool) => called.has(tool))
}
