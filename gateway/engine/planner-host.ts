import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type PlannerTask =
  | { readonly kind: 'load'; readonly graph: number; readonly supergraph: string }
  | { readonly kind: 'drop'; readonly graph: number }
  | {
      readonly kind: 'plan'
      readonly graph: number
      readonly operation: string
      readonly labels: readonly string[]
      readonly percentage: number
    }

export type PlannerReply =
  | { readonly result: unknown }
  | { readonly failure: string }
  /** The task's supergraph is not loaded: the process is a new one. */
  | { readonly missing: true }

/** The planner's process ended, or was ended, while it worked on a task; the same task would end it again. */
export class PlannerCrash extends Error {
  override readonly name = 'PlannerCrash'
}

interface Queued {
  readonly task: PlannerTask
  resolve(result: unknown): void
  reject(error: Error): void
}

/** Plans take milliseconds; on some operations the planner never comes to an end. */
const planTimeLimitMs = 2000

const missing = Symbol('The supergraph is not loaded')

const program = fileURLToPath(new URL('./planner-process.ts', import.meta.url))

/**
 * Runs the planner's process: starts it when there is work, gives it one task at a time, so that a crash tells which
 * task was the cause, and starts it again after one.
 */
export class PlannerHost {
  readonly #queue: Queued[] = []
  /** Supergraphs by their number, to be loaded again after a crash. */
  readonly #graphs = new Map<number, string>()
  readonly #loaded = new Set<number>()
  #child: ChildProcess | undefined
  #current: Queued | undefined
  #timer: NodeJS.Timeout | undefined
  #lastGraph = 0

  /** Takes a supergraph in; the promise tells whether the planner can read it. */
  open(supergraph: string): { readonly graph: number; readonly loaded: Promise<void> } {
    const graph = ++this.#lastGraph
    this.#graphs.set(graph, supergraph)
    return { graph, loaded: this.#load(graph) }
  }

  async plan(task: Extract<PlannerTask, { kind: 'plan' }>): Promise<unknown> {
    for (;;) {
      if (!this.#loaded.has(task.graph)) await this.#load(task.graph)
      const result = await this.#send(task)
      if (result !== missing) return result
    }
  }

  /** Forgets a supergraph; the process ends with the last one. */
  close(graph: number): void {
    this.#graphs.delete(graph)
    const isLoaded = this.#loaded.delete(graph)
    if (this.#graphs.size === 0) this.#end()
    else if (isLoaded) this.#send({ kind: 'drop', graph }).catch(() => {})
  }

  async #load(graph: number): Promise<void> {
    const supergraph = this.#graphs.get(graph)
    if (supergraph === undefined) throw new Error('The engine is closed.')
    await this.#send({ kind: 'load', graph, supergraph })
    this.#loaded.add(graph)
  }

  #send(task: PlannerTask): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ task, resolve, reject })
      this.#next()
    })
  }

  #next(): void {
    if (this.#current) return
    this.#current = this.#queue.shift()
    if (this.#current && !this.#graphs.has(this.#current.task.graph) && this.#current.task.kind !== 'drop') {
      this.#take().reject(new Error('The engine is closed.'))
      this.#next()
      return
    }
    if (!this.#current) {
      // An idle planner keeps nobody from ending.
      this.#child?.channel?.unref()
      return
    }
    this.#child ??= this.#start()
    this.#child.channel?.ref()
    const sent = this.#current
    if (sent.task.kind === 'plan') this.#timer = setTimeout(() => this.#child?.kill('SIGKILL'), planTimeLimitMs).unref()
    // A process that is gone before it got the task has not failed on it: the next one gets it.
    this.#child.send(sent.task, (error) => {
      if (error && this.#current === sent) this.#queue.unshift(this.#take())
    })
  }

  #start(): ChildProcess {
    const child = fork(program, { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    child.unref()
    // One that never comes to an end would not notice that nobody waits for it.
    const kill = () => child.kill('SIGKILL')
    process.once('exit', kill)
    child.once('exit', () => process.off('exit', kill))
    child.on('message', (reply: PlannerReply) => {
      if (this.#child !== child) return
      const { resolve, reject } = this.#take()
      if ('failure' in reply) reject(new Error(reply.failure))
      else resolve('missing' in reply ? missing : reply.result)
      this.#next()
    })
    child.once('exit', () => {
      if (this.#child !== child) return
      this.#child = undefined
      this.#loaded.clear()
      if (this.#current) this.#take().reject(new PlannerCrash('The planner failed on this operation.'))
      this.#next()
    })
    return child
  }

  /** Lets go of the process at once: one that is on its way out must not be given the next supergraph. */
  #end(): void {
    const child = this.#child
    this.#child = undefined
    child?.kill()
    if (this.#current) this.#take().reject(new Error('The engine is closed.'))
    this.#next()
  }

  #take(): Queued {
    const current = this.#current as Queued
    this.#current = undefined
    clearTimeout(this.#timer)
    return current
  }
}

/** One process plans for all engines of this one. */
export const plannerHost = new PlannerHost()
