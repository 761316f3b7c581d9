/** What the engine counts, by controller. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly passes: Counter<'controller' | 'result'>
  readonly passSeconds: Histogram<'controller'>
  readonly queueSeconds: Histogram<'controller' | 'lane'>
  readonly retries: Counter<'controller'>
  readonly queueDepth: Gauge<'controller' | 'lane'>
  readonly writes: Counter<'controller' | 'verb'>
  readonly outsideCalls: Counter<'controller' | 'verb' | 'result'>
  readonly duplicates: Counter<'controller' | 'what'>
  readonly relists: Counter<'resource' | 'why'>
  readonly leaseHeld: Gauge<'slot'>
}

export const createMetrics = (registry: Registry = new Registry()): Metrics => {
  const registers = [registry]
  return {
    passes: new Counter({ name: 'skerry_reconcile_total', help: 'Passes by outcome.', labelNames: ['controller', 'result'], registers }),
    passSeconds: new Histogram({ name: 'skerry_reconcile_seconds', help: 'How long a pass took.', labelNames: ['controller'], buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60], registers }),
    queueSeconds: new Histogram({ name: 'skerry_queue_seconds', help: 'How long a key waited for its pass.', labelNames: ['controller', 'lane'], buckets: [0.001, 0.01, 0.1, 1, 10, 60], registers }),
    retries: new Counter({ name: 'skerry_retries_total', help: 'Passes that failed and are tried again after a back-off.', labelNames: ['controller'], registers }),
    queueDepth: new Gauge({ name: 'skerry_queue_depth', help: 'Keys that wait for a pass.', labelNames: ['controller', 'lane'], registers }),
    writes: new Counter({ name: 'skerry_resource_writes_total', help: 'Writes sent to the API.', labelNames: ['controller', 'verb'], registers }),
    outsideCalls: new Counter({ name: 'skerry_outside_calls_total', help: 'Calls outside that create, change or delete.', labelNames: ['controller', 'verb', 'result'], registers }),
    duplicates: new Counter({ name: 'skerry_duplicates_total', help: 'Second objects with one mark that were found outside.', labelNames: ['controller', 'what'], registers }),
    relists: new Counter({ name: 'skerry_watch_restarts_total', help: 'Watches that broke or whose version was compacted.', labelNames: ['resource', 'why'], registers }),
    leaseHeld: new Gauge({ name: 'skerry_lease_held', help: '1 while this process holds the lease.', labelNames: ['slot'], registers }),
  }
}
