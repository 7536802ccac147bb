import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { createEngine } from '../../gateway/engine/engine.ts'
import { SupergraphError } from '../../gateway/engine/supergraph.ts'
import { Federation } from '../kit/federation.ts'

// The first test of the file: no other engine keeps the planner's process.
test('an engine may be opened while the one before it closes', async () => {
  const graph = { a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } }
  for (let round = 0; round < 3; round++) {
    const federation = new Federation(graph)
    expect(await federation.run('{ n }')).toEqual({ data: { n: 1 } })
    // Its planner ends with the last engine; the next one begins before that shows.
    await federation.engine.close()
  }
})

test('operations that come at once are each planned', async () => {
  const federation = new Federation({
    a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } },
  })
  const aliases = Array.from({ length: 50 }, (_, index) => `x${index}`)
  const answers = await Promise.all(aliases.map((alias) => federation.run(`{ ${alias}: n }`)))
  expect(answers).toEqual(aliases.map((alias) => ({ data: { [alias]: 1 } })))
})

test.runIf(process.platform === 'linux')(
  'a planner that comes to no end is ended, and the operation answered without it',
  async () => {
    const federation = new Federation({ a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } })
    expect(await federation.run('{ n }')).toEqual({ data: { n: 1 } })
    const stopped = plannerProcesses()
    expect(stopped).toHaveLength(1)
    for (const pid of stopped) process.kill(pid, 'SIGSTOP')
    expect(await federation.run('{ again: n }')).toEqual({ data: { again: 1 } })
    expect(await federation.run('{ third: n }')).toEqual({ data: { third: 1 } })
    expect(plannerProcesses()).not.toEqual(stopped)
  },
)

/** The planners that this process has started and that run. */
function plannerProcesses(): readonly number[] {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  return pids.filter((pid) => isOwnPlanner(pid)).map(Number)
}

function isOwnPlanner(pid: string): boolean {
  try {
    const parent = Number(/^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
    return parent === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('planner-process')
  } catch {
    // It ended between the listing and the look.
    return false
  }
}

test('an engine that opens just as the last one closes is planned for', async () => {
  const open = () =>
    new Federation({ a: { sdl: 'type Query { n: Int }', resolvers: { Query: { n: () => 1 } } } }).engine
  for (let round = 0; round < 3; round++) {
    const before = open()
    await before.loaded
    await before.close()
    const after = open()
    await expect(after.loaded).resolves.toBeUndefined()
    await after.close()
  }
})

test('a supergraph that the planner cannot read is told before anything is planned', async () => {
  const supergraphSdl = `
    enum join__Graph { A @join__graph(name: "a", url: "") }
    directive @join__graph(name: String!, url: String!) on ENUM_VALUE
    type Query @join__type(graph: NONE) { a: Int }
    directive @join__type(graph: join__Graph!) repeatable on OBJECT`
  const engine = createEngine({
    supergraphSdl,
    channelFor: () => ({
      execute: () => Promise.reject(new Error('not reached')),
      subscribe: () => Promise.reject(new Error('not reached')),
      close: async () => {},
    }),
  })
  await expect(engine.loaded).rejects.toThrow(SupergraphError)
  await engine.close()
})

test('@fromContext is refused', () => {
  const supergraphSdl = `
    enum join__Graph { A @join__graph(name: "a", url: "") }
    type Query { a(x: Int): Int @join__field(graph: A, contextArguments: [{ context: "c", name: "x", type: "Int", selection: "{ y }" }]) }`
  const open = () =>
    createEngine({
      supergraphSdl,
      channelFor: () => {
        throw new Error('not reached')
      },
    })
  expect(open).toThrow(/@fromContext/)
})
