import type { ServerResponse } from 'node:http'
import type { Metrics } from '../metrics.ts'

/** Answers with a process's metrics, in Prometheus' text format. */
export function answerMetrics(res: ServerResponse, metrics: Metrics): void {
  res.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(metrics.text())
}
