import type { Metrics } from '../lib/metrics.ts'
import type { EngineObserver } from './engine/observer.ts'

/** What the engine tells of itself in metrics; one set for all engines that take over from each other. */
export function engineMetrics(metrics: Metrics): EngineObserver {
  const fetches = metrics.histogram(
    'mnemograph_subgraph_fetch_seconds',
    'Time until a subgraph has answered, with every attempt.',
    ['subgraph', 'outcome'],
  )
  const plans = metrics.histogram('mnemograph_plan_seconds', 'Time to plan an operation that has no plan yet.')
  const reused = metrics.counter('mnemograph_plan_cache_hits_total', 'Operations that found their plan.')
  const kept = metrics.gauge('mnemograph_plan_cache_operations', 'Operations whose plans are kept.')
  return {
    fetched: (subgraph, outcome, seconds) => fetches.observe(seconds, [subgraph, outcome]),
    planned: (seconds) => plans.observe(seconds),
    planReused: () => reused.inc(),
    plansKept: (change) => kept.add(change),
  }
}
