/** Every call by which controllers make something in a cloud, as the simulated clouds see it. A new one belongs here, so that it is tried unanswered, late and stopped. */
export interface MakingCall { readonly method: 'POST' | 'PUT'; /** Regular expression over the path. */ readonly path: string }

const post = (path: string): MakingCall => ({ method: 'POST', path: `${path}$` })

export const makingCalls: readonly MakingCall[] = [
  post('/networks'), post('/subnets'), post('/routers'), { method: 'PUT', path: '/add_router_interface$' }, post('/security-groups'), post('/security-group-rules'), post('/os-server-groups'),
  post('/ports'), post('/floatingips'), { method: 'PUT', path: '/floatingips/' },
  // With listeners, pools and monitors in it.
  post('/loadbalancers'), { method: 'PUT', path: '/members$' },
  post('/volumes'), post('/servers'),
]

/** Those by which one part is made again that somebody took from below a balancer. */
export const mendingCalls: readonly MakingCall[] = [post('/listeners'), post('/pools'), post('/healthmonitors')]
