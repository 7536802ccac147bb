import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const main = join(import.meta.dirname, '../../cli/main.ts')

/** A room in a process of its own, as `npx mnemograph serve` runs it. */
export interface RoomChild {
  /** Its GraphQL endpoint. */
  readonly url: string
  /** What it has printed. */
  output(): string
  /** Ends it; answers its exit code, or the signal that ended it. */
  end(signal: NodeJS.Signals): Promise<number | string>
}

/** Starts a room and waits until it says where it listens. */
export async function startRoomChild(
  name: string,
  env: Readonly<Record<string, string>>,
  port = '0',
): Promise<RoomChild> {
  const child = spawn(process.execPath, [main, 'serve', name, '--port', port], { env: { ...process.env, ...env } })
  let output = ''
  const url = await new Promise<string>((resolve, reject) => {
    const take = (text: string) => {
      output += text
      const found = /is ready at (\S+)/.exec(output)?.[1]
      if (found) resolve(found)
    }
    child.stdout.setEncoding('utf8').on('data', take)
    child.stderr.setEncoding('utf8').on('data', take)
    child.once('exit', (code) => reject(new Error(`the room ${name} ended with ${code}:\n${output}`)))
  })
  return { url, output: () => output, end: (signal) => end(child, signal) }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | string> {
  if (child.exitCode !== null || child.signalCode !== null) return child.signalCode ?? child.exitCode ?? 0
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>
  child.kill(signal)
  const [code, by] = await exited
  return by ?? code ?? 0
}
