import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

// Starts the server once and stops it, so that the first real start finds its sources compiled.

const main = join(import.meta.dirname, '../cli/main.ts')
const child = spawn(process.execPath, [main, 'start', '--data', ':memory:', '--port', '0'], {
  stdio: ['ignore', 'pipe', 'inherit'],
})
// The last line of what a start prints: from then on it can be stopped.
for await (const line of createInterface({ input: child.stdout })) if (line.includes('Vectors')) child.kill('SIGTERM')
if (child.exitCode === null) await new Promise((resolve) => child.once('exit', resolve))
process.exitCode = child.exitCode ?? 1
