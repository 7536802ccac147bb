import { readFileSync } from 'node:fs'
import { Kind, parse } from 'graphql'
import { readSupergraph } from '../../gateway/engine/supergraph.ts'
import type { Engine } from '../../gateway/engine/types.ts'
import { CostControl, type CostSettings } from '../../gateway/guard/cost/control.ts'
import type { Viewer } from '../../lib/context.ts'
import { systemClock } from '../../lib/sources.ts'

// What it costs to price an operation: `node bench/gateway/cost.ts`. Processor time of one charge, in nanoseconds, the
// best of interleaved rounds.

const supergraphSdl = readFileSync(new URL('../../schema/supergraph.graphql', import.meta.url), 'utf8')
const { schema } = readSupergraph(supergraphSdl)
const engine = { schema, supergraphSdl } as Engine
const viewer: Viewer = { userId: 'u', tenantId: 't', sessionId: 's', role: 'MEMBER', scopes: [] }
const budget = { points: 1e15, perSecond: 1e12 }
const off: CostSettings = { limit: 0, budget: null, assumedListSize: 10 }

const fixed = '{ memories(first: 50) { nodes { id content concepts(first: 5) { nodes { id name } } } } }'
const sized = `query ($n: Int, $m: Int) { memories(first: $n) { nodes { id content concepts(first: $m) { nodes { id name } } } } }`

const cases: readonly [string, CostSettings, string][] = [
  ['off', off, sized],
  ['a limit, sizes in the document', { ...off, limit: 1e6 }, fixed],
  ['a limit, sizes in variables', { ...off, limit: 1e6 }, sized],
  ['a limit and a budget, sizes in variables', { ...off, limit: 1e6, budget }, sized],
]

const rounds = 15
const charges = 200_000
const best = new Map<string, number>()
const prepared = cases.map(([name, settings, text]) => {
  const document = parse(text)
  const operation = document.definitions.find((node) => node.kind === Kind.OPERATION_DEFINITION)
  if (operation === undefined) throw new Error('the document holds no operation')
  const asked = { document, operation, variables: { n: 50, m: 5 }, viewer, isOwner: false, isAsked: false }
  return { name, control: new CostControl(settings, systemClock), asked }
})
for (let round = 0; round < rounds; round++) {
  for (const { name, control, asked } of prepared) {
    const before = process.cpuUsage()
    for (let i = 0; i < charges; i++) control.charge(asked, engine)
    const { user, system } = process.cpuUsage(before)
    best.set(name, Math.min(best.get(name) ?? Number.POSITIVE_INFINITY, ((user + system) * 1000) / charges))
  }
}
for (const [name, ns] of best) console.log(`${name.padEnd(44)}${ns.toFixed(0).padStart(6)} ns`)
