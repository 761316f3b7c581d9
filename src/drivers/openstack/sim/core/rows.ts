/** What the cloud remembers, one type for each table. Rows are plain JSON and are changed in place; whoever changes one touches it. */
import type { Row } from './table.ts'

export type Named = Row & { name: string; description: string }

export interface ProjectRow extends Row { readonly name: string; readonly userId: string; readonly user: string; readonly password: string; readonly roles: readonly string[]; quota: Record<string, number> }
export interface CredentialRow extends Row { readonly name: string; readonly secret: string; readonly userId: string; readonly roles: readonly string[]; readonly expiresAt: string | null; readonly unrestricted: boolean; readonly description: string }

export interface ServerRow extends Row {
  name: string
  userId: string
  flavorId: string
  imageId: string | null
  metadata: Record<string, string>
  tags: string[]
  keyName: string | null
  configDrive: string
  description: string | null
  availabilityZone: string
  vmState: 'building' | 'active' | 'stopped' | 'error' | 'soft-delete'
  taskState: string | null
  powerState: number
  host: string | null
  cell: 'cell1' | 'cell2'
  fault: { code: number; created: string; message: string } | null
  launchedAt: string | null
  reservationId: string
  groupId: string | null
  /** What was asked for, until the build plugs it. */
  wanted: readonly { readonly port?: string; readonly network?: string; readonly fixedIp?: string }[]
  securityGroups: readonly string[]
  portIds: string[]
  /** Ports nova made are nova's to delete. */
  ownPortIds: string[]
  volumes: { id: string; device: string; deleteOnTermination: boolean; bootIndex: number; attachmentId: string; tag: string | null }[]
  /** Volumes to be made from an image at the build. */
  volumesFromImage: readonly { readonly imageId: string; readonly size: number; readonly type: string | null; readonly deleteOnTermination: boolean; readonly bootIndex: number }[]
  hangs: boolean
  locked: boolean
  adminPass: string
}

export interface ServerGroupRow extends Row { readonly name: string; readonly policy: string; readonly userId: string; readonly rules: Record<string, unknown> }
export interface KeyPairRow extends Row { readonly name: string; readonly publicKey: string; readonly fingerprint: string; readonly userId: string }
export interface FlavorRow extends Row { readonly name: string; readonly vcpus: number; readonly ram: number; readonly disk: number; readonly extraSpecs: Readonly<Record<string, string>> }

export interface NetworkRow extends Named { shared: boolean; external: boolean; mtu: number; adminStateUp: boolean; tags: string[]; portSecurity: boolean; subnetIds: string[] }
export interface SubnetRow extends Named { readonly networkId: string; readonly cidr: string; gatewayIp: string | null; enableDhcp: boolean; pools: { start: string; end: string }[]; dns: string[]; hostRoutes: unknown[]; tags: string[] }
export interface RouterRow extends Named { adminStateUp: boolean; externalNetworkId: string | null; gatewayPortId: string | null; enableSnat: boolean; routes: unknown[]; tags: string[]; interfaceIds: string[] }
export interface PortRow extends Named {
  readonly networkId: string
  mac: string
  fixedIps: { subnetId: string; address: string }[]
  deviceId: string
  deviceOwner: string
  status: string
  adminStateUp: boolean
  securityGroups: string[]
  allowedAddressPairs: { ip_address: string; mac_address: string }[]
  portSecurity: boolean
  tags: string[]
  hostId: string
}
export interface SecurityGroupRow extends Named { stateful: boolean; tags: string[]; ruleIds: string[]; readonly isDefault: boolean }
export interface SecurityGroupRuleRow extends Row { readonly groupId: string; readonly direction: 'ingress' | 'egress'; readonly ethertype: 'IPv4' | 'IPv6'; readonly protocol: string | null; readonly portMin: number | null; readonly portMax: number | null; readonly remoteCidr: string | null; readonly remoteGroupId: string | null; readonly description: string }
export interface FloatingIpRow extends Row { readonly address: string; readonly networkId: string; portId: string | null; fixedAddress: string | null; routerId: string | null; status: string; description: string; tags: string[] }

export interface VolumeRow extends Named {
  readonly userId: string
  size: number
  type: string
  status: string
  imageId: string | null
  imageMetadata: Record<string, string> | null
  sourceVolumeId: string | null
  snapshotId: string | null
  bootable: boolean
  metadata: Record<string, string>
  availabilityZone: string
  attachments: { id: string; serverId: string; device: string; attachedAt: string }[]
  /** Where `creating` or `deleting` ends. */
  endsInError: boolean
  multiattach: boolean
}
export interface SnapshotRow extends Named { readonly volumeId: string; readonly size: number; status: string; metadata: Record<string, string> }
export interface VolumeTypeRow extends Row { readonly name: string; readonly isDefault: boolean }

export interface ImageRow extends Row { name: string; status: string; visibility: string; protected: boolean; containerFormat: string | null; diskFormat: string | null; minDisk: number; minRam: number; size: number | null; checksum: string | null; hash: string | null; properties: Record<string, string>; tags: string[]; hidden: boolean; virtualSize: number | null }

export type Provisioning = 'ACTIVE' | 'PENDING_CREATE' | 'PENDING_UPDATE' | 'PENDING_DELETE' | 'ERROR' | 'DELETED'
export interface LoadBalancerPart extends Named { provisioning: Provisioning; adminStateUp: boolean; tags: string[]; /** never gets out of PENDING_* */ isLost?: boolean }
export interface LoadBalancerRow extends LoadBalancerPart {
  readonly provider: 'amphora' | 'ovn'
  vipAddress: string; vipPortId: string; vipSubnetId: string; vipNetworkId: string
  /** We made the port, so we delete it. */
  ownsPort: boolean
  sgId: string | null
  endsInError: boolean
  sticks: boolean
  /** The port of its health monitors outlives it. */
  leavesPort: boolean
  availabilityZone: string | null
  flavorId: string | null
  listenerIds: string[]
  poolIds: string[]
}
export interface ListenerRow extends LoadBalancerPart { readonly loadBalancerId: string; readonly protocol: string; readonly protocolPort: number; allowedCidrs: string[] | null; defaultPoolId: string | null; connectionLimit: number; timeouts: Record<string, number> }
export interface PoolRow extends LoadBalancerPart { readonly loadBalancerId: string; readonly protocol: string; listenerIds: string[]; algorithm: string; sessionPersistence: unknown; monitorId: string | null; memberIds: string[] }
export interface MemberRow extends LoadBalancerPart { readonly poolId: string; readonly loadBalancerId: string; readonly address: string; readonly protocolPort: number; weight: number; backup: boolean; readonly subnetId: string | null; /** ovn: the port was there when the member was made */ readonly portFound: boolean; monitorAddress: string | null; monitorPort: number | null }
export interface MonitorRow extends LoadBalancerPart { readonly poolId: string; readonly loadBalancerId: string; readonly type: string; delay: number; timeout: number; maxRetries: number; maxRetriesDown: number; httpMethod: string | null; urlPath: string | null; expectedCodes: string | null }
