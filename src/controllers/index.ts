/** All controllers, in the order in which a cluster comes to life. */
import type { Controller } from '../engine/shapes.ts'
import { addOns } from './add-ons/index.ts'
import { openCensus } from './census.ts'
import { cloudProject } from './cloud-project/index.ts'
import { cluster } from './cluster/index.ts'
import { controlPlane } from './control-plane/index.ts'
import { endpoint } from './endpoint/index.ts'
import { machine } from './machine/index.ts'
import { nodePool } from './node-pool/index.ts'
import type { Ports } from './ports.ts'
import { readiness } from './readiness/index.ts'
import { site } from './site/index.ts'

export const controllers = (ports: Ports): readonly Controller[] => {
  const census = openCensus(ports)
  return [site(ports, census), cloudProject(ports), cluster(ports, census), endpoint(ports, census), controlPlane(ports), nodePool(ports), machine(ports, census), addOns(ports), readiness]
}
