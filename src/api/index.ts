/** The contract: every kind of ours, in one list. Runs in a browser. */
import type { Kind } from './meta/index.ts'
import { AccessGrant, ClusterAccessGrant } from './access-grant/index.ts'
import { ClientCertificate } from './client-certificate/index.ts'
import { CloudProject } from './cloud-project/index.ts'
import { Cluster } from './cluster/index.ts'
import { Machine } from './machine/index.ts'
import { MachineType } from './machine-type/index.ts'
import { NodePool } from './node-pool/index.ts'
import { Project } from './project/index.ts'
import { Release } from './release/index.ts'
import { Site } from './site/index.ts'

export { AccessGrant, ClientCertificate, CloudProject, Cluster, ClusterAccessGrant, Machine, MachineType, NodePool, Project, Release, Site }
export const kinds: readonly Kind<any>[] = [Project, Site, MachineType, CloudProject, Release, Cluster, NodePool, Machine, AccessGrant, ClusterAccessGrant, ClientCertificate]
