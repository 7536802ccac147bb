import { Worker } from 'node:worker_threads'
import type { Casing, CasingLookup, Mention, Source } from './types.ts'
import type { Answer, Job } from './worker.ts'

/** Extraction off the main thread. One worker, started by the first call; calls are answered in their order. */
export interface Extractor {
  /** `countCasing` of each text. Its keys are the words whose counts, of all the owner's texts, `extract` then needs. */
  count(texts: readonly string[], signal?: AbortSignal): Promise<Map<string, Casing>[]>
  /** The mentions of each text, in the order of the texts. See `extract`. */
  extract(sources: readonly Source[], casing: CasingLookup, signal?: AbortSignal): Promise<Mention[][]>
  /** Ends the worker and refuses what waits and what comes. May be called again. */
  close(): Promise<void>
}

export interface ExtractorOptions {
  /** Calls that may wait beside the one at work; a further one is refused. Default 64. */
  readonly mostWaiting?: number
}

/** Too many calls wait: the caller should come back later. */
export class ExtractorBusyError extends Error {
  override readonly name = 'ExtractorBusyError'
}

/** The extractor was closed. */
export class ExtractorClosedError extends Error {
  override readonly name = 'ExtractorClosedError'
}

/** The worker failed at this call. Later calls get a new worker if it ended. */
export class ExtractionFailedError extends Error {
  override readonly name = 'ExtractionFailedError'
}

interface Call {
  readonly job: Job
  readonly resolve: (answer: Answer) => void
  readonly reject: (reason: unknown) => void
}

export function createExtractor({ mostWaiting = 64 }: ExtractorOptions = {}): Extractor {
  const waiting: Call[] = []
  let current: Call | undefined
  let worker: Worker | undefined
  let isClosed = false

  const settle = (finish: (call: Call) => void) => {
    const call = current
    current = undefined
    if (call !== undefined) finish(call)
    next()
  }
  const next = () => {
    if (current !== undefined || isClosed) return
    current = waiting.shift()
    // An idle worker must not keep the process alive.
    if (current === undefined) worker?.unref()
    else {
      worker ??= start()
      worker.ref()
      worker.postMessage(current.job)
    }
  }
  const start = () => {
    const started = new Worker(new URL('./worker.ts', import.meta.url), {
      resourceLimits: { maxYoungGenerationSizeMb: 24 },
    })
    started.on('message', (answer: Answer) => settle((call) => call.resolve(answer)))
    const ended = (reason: string) => {
      if (worker !== started) return
      worker = undefined
      settle((call) => call.reject(new ExtractionFailedError(reason)))
    }
    started.on('error', (error: Error) => ended(error.message))
    started.on('exit', (code) => ended(`the extraction worker ended with code ${code}`))
    return started
  }
  const ask = (job: Job, signal: AbortSignal | undefined): Promise<Answer> => {
    if (isClosed) return Promise.reject(new ExtractorClosedError('the extractor is closed'))
    if (signal?.aborted) return Promise.reject(signal.reason)
    if (waiting.length >= mostWaiting) {
      return Promise.reject(new ExtractorBusyError(`${waiting.length} extraction calls are waiting`))
    }
    return new Promise((resolve, reject) => {
      const call: Call = { job, resolve, reject }
      waiting.push(call)
      signal?.addEventListener(
        'abort',
        () => {
          const index = waiting.indexOf(call)
          if (index >= 0) waiting.splice(index, 1)
          reject(signal.reason)
        },
        { once: true },
      )
      next()
    })
  }

  return {
    async count(texts, signal) {
      const answer = await ask({ kind: 'count', texts }, signal)
      if (answer.kind === 'counted') return answer.casing
      throw unexpected(answer)
    },
    async extract(sources, casing, signal) {
      const answer = await ask({ kind: 'extract', sources, casing }, signal)
      if (answer.kind === 'extracted') return answer.mentions
      throw unexpected(answer)
    },
    async close() {
      isClosed = true
      const closed = new ExtractorClosedError('the extractor is closed')
      for (const call of waiting.splice(0)) call.reject(closed)
      current?.reject(closed)
      current = undefined
      const ending = worker
      worker = undefined
      await ending?.terminate()
    },
  }
}

function unexpected(answer: Answer): Error {
  return new ExtractionFailedError(answer.kind === 'failed' ? answer.message : `unexpected answer ${answer.kind}`)
}
