/** Counts and durations of requests, and how many watches are open. One set for each registry. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { RequestInfo } from './request.ts'

export interface Metrics {
  /** Answers what to call when the request is answered. */
  begin(): (r: RequestInfo | undefined, code: number) => void
}

export const openMetrics = (registry: Registry, streams: ReadonlySet<unknown>): Metrics => {
  const registers = [registry]
  const requests = new Counter({ name: 'skerry_api_requests_total', help: 'Requests by verb, resource and code.', labelNames: ['verb', 'resource', 'code'], registers })
  const duration = new Histogram({ name: 'skerry_api_request_seconds', help: 'Time to answer, but for watches.', labelNames: ['verb', 'resource'], buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10], registers })
  new Gauge({ name: 'skerry_api_watches', help: 'Watches that are open.', registers, collect() { this.set(streams.size) } })
  return {
    begin() {
      const begun = performance.now()
      return (r, code) => {
        // A 404 may name anything: it would make a series each.
        const resource = code === 404 || r === undefined ? '' : r.resource
        const verb = r?.verb ?? ''
        requests.inc({ verb, resource, code })
        if (verb !== 'watch') duration.observe({ verb, resource }, (performance.now() - begun) / 1000)
      }
    },
  }
}
