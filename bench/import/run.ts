import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { residentMemory, startServer } from '../server-process.ts'
import { printTable } from '../table.ts'

// Imports a file into a running server, as a user would, and tells how fast and how large both processes were.
//   node bench/import/run.ts FILE [FORMAT]

const [file, format = 'openai-jsonl'] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: node bench/import/run.ts FILE [FORMAT]')
  process.exit(2)
}
const data = mkdtempSync(join(tmpdir(), 'mnemograph-bench-'))
const server = await startServer(join(data, 'data'))
try {
  const done = await importFile(file)
  const megabytes = (bytes: number) => Math.round(bytes / 1e6)
  printTable('Import into a running embedded server, until searchable by text', [
    {
      messages: done.messages,
      memories: done.memories,
      'searchable after s': done.textSeconds,
      'messages/s': Math.round(done.messages / done.textSeconds),
      'with agents linked, s': done.seconds,
      'server and command together, peak MB': megabytes(done.peakBytes),
      'server alone since its start, peak MB': megabytes(server.peakMemory()),
    },
  ])
} finally {
  await server.stop()
  rmSync(data, { recursive: true, force: true })
}

interface Done {
  readonly messages: number
  readonly memories: number
  readonly seconds: number
  readonly textSeconds: number
  /** The most that the server, its planner and the command had at one time. */
  readonly peakBytes: number
}

function importFile(path: string): Promise<Done> {
  const main = join(import.meta.dirname, '../../cli/main.ts')
  const args = [main, 'import', path, '--format', format, '--data', join(data, 'data'), '--json']
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let peakBytes = 0
  const sampler = setInterval(() => {
    peakBytes = Math.max(peakBytes, residentMemory(server.pid) + residentMemory(child.pid ?? 0))
  }, 100)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString()
  })
  return new Promise((resolve, reject) => {
    child.on('close', (code) => {
      clearInterval(sampler)
      if (code !== 0) reject(new Error(`import ended with ${code}: ${output}`))
      else resolve({ ...JSON.parse(output), peakBytes })
    })
  })
}
