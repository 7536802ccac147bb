import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { beginTrace } from '../../gateway/edge/trace.ts'
import { beginCall } from '../../lib/call.ts'
import { systemClock, systemIds } from '../../lib/sources.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const begin = (timeoutMs?: number) =>
  beginCall(
    { viewer: null, lane: 'fast' as const, traceId: 't', ...(timeoutMs === undefined ? {} : { timeoutMs }) },
    systemClock,
    systemIds,
  )

test('a cancelled call gives up on work that does not heed it, also on what begins later', async () => {
  const call = begin()
  const waiting = call.race(new Promise(() => {}))
  const reason = new Error('gone')
  call.cancel(reason)
  call.cancel(new Error('again'))
  await expect(waiting).rejects.toBe(reason)
  await expect(call.race(Promise.resolve(1))).rejects.toBe(reason)
  await expect(call.race(Promise.reject(new Error('late')))).rejects.toBe(reason)
  expect(call.context.signal.reason).toBe(reason)
})

test('work that ends first gives its own outcome', async () => {
  const call = begin(60_000)
  expect(await call.race(Promise.resolve(1))).toBe(1)
  await expect(call.race(Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  call.end()
})

test('a call that never ends keeps nothing of the events that passed', async () => {
  const call = begin()
  const pass = async (events: number) => {
    for (let event = 0; event < events; event += 1) await call.race(Promise.resolve({ event }))
    collectGarbage()
    return process.memoryUsage().heapUsed
  }
  const before = await pass(1000)
  const grown = (await pass(200_000)) - before
  // One reaction kept for each event would be some 40 MB.
  expect(grown).toBeLessThan(5_000_000)
})

test('a trace is continued when it is well-formed', () => {
  const trace = '0af7651916cd43dd8448eb211c80319c'
  const idOf = (traceparent: string | undefined) =>
    beginTrace(traceparent === undefined ? {} : { traceparent }, undefined, systemIds).traceId
  expect(idOf(`00-${trace}-b7ad6b7169203331-01`)).toBe(trace)
  for (const header of [undefined, 'x', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`, `00-${trace}-short-01`]) {
    const fresh = idOf(header)
    expect(fresh).toMatch(/^[0-9a-f]{32}$/)
    expect(fresh).not.toBe(trace)
  }
})
