/** A line on standard error that says how far long work has come. */
export interface Progress {
  show(text: string): void
  end(): void
}

const interval = 100

/** On a terminal the line is written over; elsewhere it is written every few seconds, so that logs stay readable. */
export function progressLine(enabled: boolean): Progress {
  const { stderr } = process
  const every = stderr.isTTY ? interval : 5_000
  let last = stderr.isTTY ? 0 : performance.now()
  let shown = false
  return {
    show(text) {
      if (!enabled || performance.now() - last < every) return
      last = performance.now()
      shown = true
      stderr.write(stderr.isTTY ? `\r\u001b[K${text}` : `${text}\n`)
    },
    end() {
      if (shown && stderr.isTTY) stderr.write('\r\u001b[K')
    },
  }
}

/** Runs work that Ctrl-C asks to stop cleanly; a second Ctrl-C ends the process at once. */
export async function interruptible(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const controller = new AbortController()
  const stop = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    await work(controller.signal)
  } finally {
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}
