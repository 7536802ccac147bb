import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startServer } from '../server-process.ts'
import { median, printTable } from '../table.ts'

// From `npm start` to ready: the first start makes the data directory, the later ones find it.
//   node bench/start/run.ts [ROUNDS]

const rounds = Number(process.argv[2] ?? 3)
const first: number[] = []
const later: number[] = []
for (let round = 0; round < rounds; round++) {
  const data = mkdtempSync(join(tmpdir(), 'mnemograph-bench-'))
  try {
    for (const samples of [first, later, later]) {
      const server = await startServer(join(data, 'data'))
      samples.push(server.readyMs)
      await server.stop()
    }
  } finally {
    rmSync(data, { recursive: true, force: true })
  }
}

const row = (start: string, samples: readonly number[]) => ({
  start,
  'median s': (median(samples) / 1000).toFixed(2),
  'slowest s': (Math.max(...samples) / 1000).toFixed(2),
  runs: samples.length,
})
printTable('From `npm start` to ready', [row('first', first), row('later', later)])
