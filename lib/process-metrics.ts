import { monitorEventLoopDelay, performance } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'

/** Milliseconds between two looks at the event loop; each is a timer of libuv's own, without JavaScript. */
const resolution = 20

/** What any process tells of itself. The names are those of Prometheus' client for Node, so that its dashboards fit. */
export function registerProcessMetrics(metrics: Metrics): void {
  const started = Date.now() / 1000 - process.uptime()
  metrics.observe('process_start_time_seconds', 'When the process began, seconds since the epoch.', () => started)
  metrics.observe('process_resident_memory_bytes', 'Memory held by the process.', () => process.memoryUsage.rss())
  metrics.observe(
    'process_cpu_seconds_total',
    'Processor time used, user and system.',
    () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
    'counter',
  )
  metrics.observe('nodejs_heap_size_used_bytes', 'Heap in use.', () => process.memoryUsage().heapUsed)
  registerEventLoop(metrics)
}

/** Each read of the last of them begins a new span of time. */
function registerEventLoop(metrics: Metrics): void {
  const delay = monitorEventLoopDelay({ resolution })
  delay.enable()
  // What is measured is the time between two looks, which is the resolution when nothing delays them.
  const seconds = (nanoseconds: number) => Math.max(0, (nanoseconds || 0) / 1e9 - resolution / 1000)
  metrics.observe('nodejs_eventloop_lag_mean_seconds', 'Mean delay of the event loop since the last reading.', () =>
    seconds(delay.mean),
  )
  metrics.observe('nodejs_eventloop_lag_p99_seconds', '99th percentile of that delay.', () =>
    seconds(delay.percentile(99)),
  )
  metrics.observe('nodejs_eventloop_lag_max_seconds', 'Longest of that delay.', () => {
    const longest = seconds(delay.max)
    delay.reset()
    return longest
  })
  let before = performance.eventLoopUtilization()
  metrics.observe(
    'nodejs_eventloop_utilization',
    'Share of time since the last reading that the loop was busy.',
    () => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, before)
      before = now
      return utilization
    },
  )
}
