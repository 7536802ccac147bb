import { loadavg } from 'node:os'
import { setTimeout as wait } from 'node:timers/promises'
import { printTable, quantile } from '../table.ts'
import { openTexts } from './texts.ts'
import { type Backend, backends, openWorld } from './world.ts'

/**
 * What it takes to clean up 1,000 memories that have expired, among as many batches of them as there are rounds, each
 * when the one before has been taken in.
 *
 *   node tools/stores.ts run node bench/memory/clean-up.ts [ROUNDS]
 */
const rounds = Number(process.argv[2] ?? 20)
const batch = 1000
const texts = openTexts()
const remember = `mutation ($input: RememberManyInput!) { answer: rememberMany(input: $input) {
  ... on Problem { message } } }`
const cleanUp = `mutation { answer: cleanUpExpired(input: { first: ${batch} }) {
  ... on CleanUpExpiredSuccess { expired } ... on Problem { message } } }`

for (const backend of backends) await measure(backend)

async function measure(backend: Backend): Promise<void> {
  const world = await openWorld(backend)
  const expiry = new Date()
  for (let round = 0; round < rounds; round++) {
    expiry.setTime(Date.now() + 5_000)
    const retentionUntil = expiry.toISOString()
    const items = Array.from({ length: batch }, (_, n) => ({ content: texts.turn(round * batch + n), retentionUntil }))
    const { answer } = await world.ask<{ answer: { message?: string } }>(remember, { input: { items } })
    if (answer.message !== undefined) throw new Error(answer.message)
  }
  await world.caughtUp()
  await wait(Math.max(0, expiry.getTime() - Date.now()))
  const times: number[] = []
  for (let round = 0; round < rounds; round++) {
    // Projectors still take in what the round before removed: that is not this one's time.
    await world.caughtUp()
    const started = performance.now()
    const { answer } = await world.ask<{ answer: { expired?: number; message?: string } }>(cleanUp)
    times.push(performance.now() - started)
    if (answer.expired !== batch) throw new Error(answer.message ?? `${answer.expired} were cleaned up`)
  }
  printTable(`${batch} expired memories cleaned up on ${backend}, load ${loadavg()[0]?.toFixed(1)}`, [
    { 'p50 ms': quantile(times, 0.5).toFixed(1), 'p95 ms': quantile(times, 0.95).toFixed(1), 'asked for': 100 },
  ])
  await world.close()
}
