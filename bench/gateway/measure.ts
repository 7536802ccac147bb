import type { Child } from '../child.ts'
import { load } from '../load.ts'
import { quantile } from '../table.ts'

/** Something that answers, and the processes whose work is counted for it. */
export interface Contender {
  readonly name: string
  readonly url: string
  readonly counted: readonly Child[]
}

export interface Figures {
  /** Processor milliseconds a request. */
  readonly cpuMs: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p95: number
  /** Bytes, of the first process that is counted. */
  readonly peakMemory: number
}

export interface MeasureOptions {
  readonly body: string
  readonly connections: number
  readonly rounds: number
  /** Of each round, for each contender. */
  readonly seconds: number
}

const warmUps = 4

/** Measures contenders in turns, so that what else the machine does falls on all alike. The first turns warm up. */
export async function measure(
  contenders: readonly Contender[],
  { body, connections, rounds, seconds }: MeasureOptions,
): Promise<Map<string, Figures>> {
  const samples = new Map(contenders.map(({ name }) => [name, [] as Sample[]]))
  for (let round = -warmUps; round < rounds; round++) {
    for (const { name, url, counted } of contenders) {
      const before = cpuOf(counted)
      const { requests, seconds: took, latencies } = await load({ url, body, connections, seconds })
      if (round < 0) continue
      const cpuMs = (cpuOf(counted) - before) / requests
      samples.get(name)?.push({ cpuMs, perSecond: requests / took, latencies })
    }
  }
  return new Map(contenders.map((contender) => [contender.name, figures(contender, samples.get(contender.name) ?? [])]))
}

interface Sample {
  readonly cpuMs: number
  readonly perSecond: number
  readonly latencies: readonly number[]
}

/** The best of the rounds: what else the machine does only ever adds. */
function figures({ counted }: Contender, samples: readonly Sample[]): Figures {
  return {
    cpuMs: Math.min(...samples.map(({ cpuMs }) => cpuMs)),
    perSecond: Math.max(...samples.map(({ perSecond }) => perSecond)),
    p95: Math.min(...samples.map(({ latencies }) => quantile(latencies, 0.95))),
    peakMemory: counted[0]?.peakMemory() ?? 0,
  }
}

function cpuOf(children: readonly Child[]): number {
  return children.reduce((sum, child) => sum + child.cpuMs(), 0)
}
