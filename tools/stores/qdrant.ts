import { spawn } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { folder, freePort, install, type Store, type StoreResult } from './place.ts'

const ENGINE = 'qdrant-edge-py==0.9.0'
const server = join(import.meta.dirname, 'qdrant-double', 'server.py')
const startMs = 60_000
const lookMs = 50

/**
 * A double of Qdrant, over Qdrant's own engine: no package registry has the server. It speaks the calls that the product
 * sends and refuses all others.
 */
export const qdrantDouble: Store = {
  name: 'the double of Qdrant',
  variable: 'MNEMOGRAPH_TEST_QDRANT_URL',
  async start(label): Promise<StoreResult> {
    try {
      const engine = folder('qdrant-edge')
      if (!existsSync(join(engine, 'qdrant_edge'))) await install('qdrant-edge', ENGINE)
      const home = folder(`qdrant-${label}`)
      const port = await freePort()
      const child = spawn('python3', [server, String(port), home], {
        env: { PATH: process.env.PATH ?? '', PYTHONPATH: engine },
        stdio: 'ignore',
        detached: true,
      })
      child.unref()
      const url = `http://127.0.0.1:${port}`
      await untilAnswers(url)
      return { url }
    } catch (error) {
      return { missing: `the double of Qdrant (pip install ${ENGINE}): ${(error as Error).message.split('\n')[0]}` }
    }
  },
  stop(label) {
    const home = folder(`qdrant-${label}`)
    const pid = join(home, 'pid')
    if (existsSync(pid)) process.kill(Number(readFileSync(pid, 'utf8')))
    rmSync(home, { recursive: true, force: true })
  },
}

async function untilAnswers(url: string): Promise<void> {
  for (const end = Date.now() + startMs; Date.now() < end; await pause(lookMs)) {
    const answer = await fetch(`${url}/collections`, { headers: { 'accept-encoding': 'identity' } }).catch(() => null)
    await answer?.body?.cancel()
    if (answer?.ok) return
  }
  throw new Error(`no answer within ${startMs / 1000} s`)
}
