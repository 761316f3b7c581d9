/** What goes wrong in a cloud, one draw at a time: each fault strikes a few calls and is spent. */
import { pick } from '../report.ts'

export interface Drawn { readonly says: string; readonly fault: object }

/** Creating calls of every service, as the simulated clouds see their paths. */
const creating = ['/networks$', '/subnets$', '/routers$', '/ports$', '/security-groups$', '/floatingips$', '/volumes$', '/servers$', '/loadbalancers$', '/listeners$', '/lbaas/pools$']
const onCreate = (random: () => number) => { const path = pick(random, creating); return { method: 'POST', path, times: 1 + Math.floor(random() * 2) } }

const quick = {
  'a volume that ends in error': () => ({ method: 'POST', path: '/volumes$', kind: 'volume-error', times: 1 }),
  'a server that ends in ERROR': () => ({ method: 'POST', path: '/servers$', kind: 'server-error', times: 1 }),
  'too many requests': (random: () => number) => ({ ...onCreate(random), kind: 'status', status: 429, retryAfter: 1 }),
  'a delete that fails': () => ({ method: 'DELETE', kind: 'status', status: 503, times: 2 }),
  'a list that fails': () => ({ method: 'GET', kind: 'status', status: 500, times: 2 }),
  'slow answers': (random: () => number) => ({ ...onCreate(random), kind: 'slow', ms: 500 + Math.floor(random() * 3000) }),
}
/** Whoever sees these looks a minute long for what may have been made (rule E3), or waits for a time-out. */
const slow = {
  'an error instead of an effect': (random: () => number) => ({ ...onCreate(random), kind: 'status', status: pick(random, [500, 502, 503]) }),
  'a connection cut before the effect': (random: () => number) => ({ ...onCreate(random), kind: 'reset', when: 'before' }),
  'a connection cut after the effect': (random: () => number) => ({ ...onCreate(random), kind: 'reset', when: 'after' }),
  'success that is never answered': (random: () => number) => ({ ...onCreate(random), times: 1, kind: 'silence-after-success' }),
  'success that comes after the time-out': (random: () => number) => ({ ...onCreate(random), times: 1, kind: 'late-effect', afterMs: 5000 + Math.floor(random() * 40_000) }),
  'a load balancer that ends in ERROR': () => ({ method: 'POST', path: '/loadbalancers$', kind: 'load-balancer-error', times: 1 }),
  'a server that hangs at boot': () => ({ method: 'POST', path: '/servers$', kind: 'guest-hangs', times: 1 }),
}

export const kinds = (isQuick: boolean): readonly string[] => [...Object.keys(quick), ...(isQuick ? [] : Object.keys(slow))]
export const draw = (random: () => number, isQuick: boolean): Drawn => {
  const says = pick(random, kinds(isQuick))
  return { says, fault: ({ ...quick, ...slow } as Readonly<Record<string, (random: () => number) => object>>)[says]!(random) }
}
