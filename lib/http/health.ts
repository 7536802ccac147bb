import type { ServerResponse } from 'node:http'

/** One thing that must work before the gateway is any use, such as a store. */
export interface ReadinessCheck {
  readonly name: string
  /** Resolves when it works, rejects when it does not. */
  check(): Promise<void>
}

/** A check that hangs is a check that fails. */
const checkTimeoutMs = 2000

/** Answers whether the process is alive: it is, or nobody would answer. */
export function answerLive(res: ServerResponse): void {
  sendJson(res, 200, { status: 'live' })
}

/**
 * Answers whether to send requests here. The reasons of a failure stay out of the answer: anyone may ask.
 * @param more What else to tell, which makes nothing ready or not.
 */
export async function answerReady(
  res: ServerResponse,
  checks: readonly ReadinessCheck[],
  draining: boolean,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const results = await Promise.all(checks.map(async (check) => [check.name, await passes(check)] as const))
  const ready = !draining && results.every(([, passed]) => passed)
  sendJson(res, ready ? 200 : 503, {
    status: draining ? 'stopping' : ready ? 'ready' : 'not ready',
    checks: Object.fromEntries(results.map(([name, passed]) => [name, passed ? 'ok' : 'failing'])),
    ...more,
  })
}

async function passes({ check }: ReadinessCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), checkTimeoutMs)
  })
  const passed = check().then(
    () => true,
    () => false,
  )
  return Promise.race([passed, tooLate]).finally(() => clearTimeout(timer))
}

function sendJson(res: ServerResponse, status: number, body: unknown): void {
  const bytes = Buffer.from(JSON.stringify(body))
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': bytes.length,
    'cache-control': 'no-store',
  })
  res.end(bytes)
}
