/** Counts and durations of requests, and how many watches are open. One set for each registry. */
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { FlowControl, FlowControlEvents } from './flow-control.ts'
import type { RequestInfo } from './request.ts'

export interface Metrics {
  /** Answers what to call when the request is answered. */
  begin(): (r: RequestInfo | undefined, code: number) => void
  readonly flows: FlowControlEvents
  /** Shows who sits and who waits. */
  show(flows: FlowControl): void
}

export const openMetrics = (registry: Registry, streams: ReadonlySet<unknown>): Metrics => {
  const registers = [registry]
  const requests = new Counter({ name: 'skerry_api_requests_total', help: 'Requests by verb, resource and code.', labelNames: ['verb', 'resource', 'code'], registers })
  const duration = new Histogram({ name: 'skerry_api_request_seconds', help: 'Time to answer, but for watches.', labelNames: ['verb', 'resource'], buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2, 10], registers })
  const refused = new Counter({ name: 'skerry_api_refused_requests_total', help: 'Requests answered with 429, by priority level and why.', labelNames: ['level', 'reason'], registers })
  const queued = new Histogram({ name: 'skerry_api_queue_seconds', help: 'How long requests waited that did not sit at once, by priority level.', labelNames: ['level'], buckets: [0.001, 0.01, 0.1, 1, 10], registers })
  new Gauge({ name: 'skerry_api_watches', help: 'Watches that are open.', registers, collect() { this.set(streams.size) } })
  const level = (name: string, help: string, of: 'seated' | 'waiting' | 'streams', flows: FlowControl) =>
    new Gauge({ name, help, labelNames: ['level'], registers, collect() { for (const s of flows.state()) this.set({ level: s.level }, s[of]) } })
  return {
    flows: { refused: (name, reason) => refused.inc({ level: name, reason }), waited: (name, ms) => queued.observe({ level: name }, ms / 1000) },
    show(flows) {
      level('skerry_api_seated_requests', 'Requests that are being worked on, by priority level.', 'seated', flows)
      level('skerry_api_waiting_requests', 'Requests that wait for a seat, by priority level.', 'waiting', flows)
      level('skerry_api_streams', 'Watches, and lists that wait for their reader, by priority level.', 'streams', flows)
    },
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
