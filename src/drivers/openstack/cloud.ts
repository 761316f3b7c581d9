/**
 * One project of one OpenStack cloud, as controllers see it. Names are OpenStack's own. Everything we make carries a Mark
 * (rule O1). Errors: `errors.ts` classifies by service, code and type (rule O3) and offers predicates.
 */

/** Who owns an object. On servers and volumes: metadata `skerry-uid`, `skerry-site`, `skerry-role`; on Octavia objects: tags `skerry-uid:…`, `skerry-site:…`, `skerry-role:…`; on Neutron objects: the same three in the description (a POST takes no tags); names `skerry-<uid>-<role>` (not servers, not floating IPs); server groups: the name, with `@<site>`. */
export interface Mark {
  /** uid of the resource on whose behalf it was made. */
  readonly uid: string
  /** This installation's id (rule H3). */
  readonly site: string
  /** e.g. `network`, `cp-0`, `api`. One live object for each (uid, role) and type. */
  readonly role: string
}

export interface Marked {
  readonly id: string
  readonly name: string
  /** Absent when it is not ours. */
  readonly mark?: Mark
  readonly createdAt?: string
}

/** `begunAt`: monotonic ms (performance.now()) when the request began (rule E1). */
export interface Listing<T> {
  readonly items: readonly T[]
  readonly begunAt: number
}

/** One type of object in one project. */
export interface Collection<T extends Marked, Spec> {
  /**
   * The whole list, unfiltered, from one shared lister (rule E4): a listing whose request began after `after` (monotonic ms),
   * the last one if it is young enough, else a new request shared by all who ask. For who looks as a routine what is kept between
   * polls is young enough. Throws when the list ended in an error or a lost marker.
   */
  list(after?: number, isRoutine?: boolean): Promise<Listing<T>>
  /** undefined = 404 and nothing else. */
  get(id: string): Promise<T | undefined>
  /** One call; nothing that can fail comes after it. Returns as soon as the service accepted. */
  create(spec: Spec, mark: Mark, signal?: AbortSignal): Promise<T>
  /** 404 is success. */
  delete(id: string): Promise<void>
  /** Called with uids of marks whose objects changed between two listings. Returns the unsubscribe. */
  onChange(changed: (uids: ReadonlySet<string>) => void): () => void
}

export interface Server extends Marked {
  readonly status: string
  readonly taskState: string | null
  readonly powerState: number
  readonly hostId: string
  readonly flavor: string
  readonly addresses: readonly { readonly network: string; readonly address: string; readonly mac: string }[]
  readonly fault?: { readonly code: number; readonly message: string }
  readonly volumeIds: readonly string[]
}
export interface ServerSpec {
  /** The Machine's and the Node's name. */
  readonly name: string
  readonly flavorId: string
  /** Exactly one of the two. */
  readonly imageId?: string
  readonly rootVolumeId?: string
  readonly portId: string
  /** Base64, at most 65,535 bytes. */
  readonly userData: string
  readonly serverGroupId?: string
  readonly availabilityZone?: string
}
export interface ServerGroup extends Marked { readonly policy: string; readonly members: readonly string[] }
export interface Flavor { readonly id: string; readonly name: string; readonly vcpus: number; readonly ramMiB: number; readonly diskGiB: number; readonly extraSpecs: Readonly<Record<string, string>> }
export interface Quota { readonly limit: number; readonly used: number }

export interface Network extends Marked { readonly external: boolean; readonly shared: boolean; readonly status: string; readonly subnetIds: readonly string[]; readonly mtu: number; /** False: ports of it have no security groups unless they ask for port security themselves. */ readonly hasPortSecurity: boolean }
export interface Subnet extends Marked { readonly networkId: string; readonly cidr: string; readonly gateway: string | null; readonly allocationPools: readonly { readonly start: string; readonly end: string }[]; readonly dnsServers: readonly string[] }
export interface SubnetSpec { readonly networkId: string; readonly cidr: string; readonly dnsServers: readonly string[]; readonly allocationPools?: readonly { readonly start: string; readonly end: string }[] }
export interface Router extends Marked { readonly status: string; readonly externalNetworkId: string | null }
export interface Port extends Marked {
  readonly networkId: string
  readonly status: string
  readonly deviceId: string
  readonly deviceOwner: string
  readonly fixedIps: readonly { readonly subnetId: string; readonly address: string }[]
  readonly mac: string
  readonly securityGroupIds: readonly string[]
}
export interface PortSpec { readonly networkId: string; readonly fixedIps?: readonly { readonly subnetId: string; readonly address?: string }[]; readonly securityGroupIds: readonly string[]; readonly allowedAddressPairs?: readonly string[] }
export interface SecurityGroup extends Marked { readonly projectId: string; readonly rules: readonly SecurityGroupRule[] }
export interface SecurityGroupRule { readonly id: string; readonly direction: 'ingress' | 'egress'; readonly etherType: 'IPv4' | 'IPv6'; readonly protocol: string | null; readonly portMin: number | null; readonly portMax: number | null; readonly remoteCidr: string | null; readonly remoteGroupId: string | null }
export type SecurityGroupRuleSpec = Omit<SecurityGroupRule, 'id'>
export interface FloatingIp extends Marked { readonly address: string; readonly portId: string | null; readonly networkId: string; readonly status: string }

export interface Volume extends Marked { readonly status: string; readonly sizeGiB: number; readonly type: string; readonly bootable: boolean; readonly attachedTo: readonly string[] }
export interface VolumeSpec { readonly sizeGiB: number; readonly type?: string; readonly imageId?: string; readonly availabilityZone?: string }
export interface Image { readonly id: string; readonly name: string; readonly status: string; readonly minDiskGiB: number; readonly sizeBytes: number; readonly checksum: string | null; readonly properties: Readonly<Record<string, string>> }

/** What Octavia makes in time. `updatedAt`: absent while it is as it was made. */
export interface Provisioned extends Marked { readonly provisioningStatus: string; readonly updatedAt?: string }
export interface LoadBalancer extends Provisioned { readonly operatingStatus: string; readonly vipAddress: string; readonly vipPortId: string; readonly vipSubnetId: string; readonly provider: string }
export interface Listener extends Provisioned { readonly loadBalancerId: string; readonly port: number; readonly allowedCidrs: readonly string[] | null; readonly defaultPoolId: string | null }
export interface Pool extends Provisioned { readonly loadBalancerId: string; readonly listenerIds: readonly string[]; readonly memberIds: readonly string[]; readonly healthMonitorId: string | null }
/** A listener with its pool, made together with their balancer. Members are no part of it: each waits for its port (rule O5). */
export interface ListenerSpec { readonly mark: Mark; readonly port: number; readonly allowedCidrs?: readonly string[]; readonly pool: { readonly mark: Mark; readonly algorithm: Algorithm; readonly monitor: HealthMonitorSpec } }
export type Algorithm = 'SOURCE_IP_PORT' | 'ROUND_ROBIN'
export interface HealthMonitorSpec { readonly type: 'TCP'; readonly delay: number; readonly timeout: number; readonly maxRetries: number }
export interface MemberSpec { readonly address: string; readonly port: number; readonly subnetId: string; readonly name: string }
export interface Member { readonly id: string; readonly address: string; readonly port: number; readonly operatingStatus: string; readonly provisioningStatus: string; readonly adminStateUp: boolean }

export interface Identity { readonly projectId: string; readonly projectName: string; readonly userName: string; readonly roles: readonly string[]; readonly tokenExpiresAt: string; /** of an application credential, when it has one */ readonly credentialExpiresAt?: string; readonly services: readonly string[] }

export interface Cloud {
  readonly identity: {
    describe(): Promise<Identity>
    /** Of the token that calls carry now, as Keystone said when it gave it (rule E2). */
    project(): Promise<{ readonly id: string; readonly name: string }>
    /** Leaves the token, so that the next call logs in; one younger than a minute is kept. */
    logInAnew(): void
  }
  readonly compute: {
    readonly servers: Collection<Server, ServerSpec> & { forceDelete(id: string): Promise<void>; rebootHard(id: string): Promise<void>; console(id: string, lines: number): Promise<string> }
    readonly serverGroups: Collection<ServerGroup, { readonly policy: 'anti-affinity' | 'soft-anti-affinity' }>
    flavors(): Promise<readonly Flavor[]>
    quota(): Promise<{ readonly instances: Quota; readonly cores: Quota; readonly ramMiB: Quota; readonly serverGroups: Quota }>
    microversions(): Promise<{ readonly min: string; readonly max: string }>
  }
  readonly network: {
    readonly networks: Collection<Network, Record<never, never>>
    readonly subnets: Collection<Subnet, SubnetSpec>
    readonly routers: Collection<Router, { readonly externalNetworkId: string }> & {
      /** 409 for the same subnet is success. */
      addInterface(routerId: string, subnetId: string): Promise<void>
      removeInterface(routerId: string, subnetId: string): Promise<void>
    }
    readonly ports: Collection<Port, PortSpec>
    readonly securityGroups: Collection<SecurityGroup, Record<never, never>> & {
      /** Adopts on 409. */
      addRule(groupId: string, rule: SecurityGroupRuleSpec, mark: Mark): Promise<void>
      removeRule(ruleId: string): Promise<void>
    }
    readonly floatingIps: Collection<FloatingIp, { readonly externalNetworkId: string }> & { bind(id: string, portId: string | null): Promise<void> }
    extensions(): Promise<ReadonlySet<string>>
    quota(): Promise<Readonly<Record<'network' | 'subnet' | 'router' | 'port' | 'security_group' | 'security_group_rule' | 'floatingip', Quota>>>
  }
  readonly volume: {
    readonly volumes: Collection<Volume, VolumeSpec>
    types(): Promise<readonly { readonly id: string; readonly name: string }[]>
    quota(): Promise<{ readonly volumes: Quota; readonly gigabytes: Quota }>
  }
  readonly image: {
    list(): Promise<readonly Image[]>
    get(id: string): Promise<Image | undefined>
    /** The id is ours (rule O2); a second create of it is adopted. */
    create(id: string, image: { readonly name: string; readonly properties: Readonly<Record<string, string>>; readonly minDiskGiB: number }): Promise<void>
    upload(id: string, data: ReadableStream<Uint8Array>): Promise<void>
    delete(id: string): Promise<void>
  }
  /** Absent when the catalogue has no load-balancer service. Calls below one load balancer go one after another (rule O3). */
  readonly loadBalancer?: {
    /** With `listeners` all of them are made in the one call: Octavia's "fully populated load balancer". */
    readonly loadBalancers: Collection<LoadBalancer, { readonly vipSubnetId: string; readonly vipAddress?: string; readonly provider?: string; readonly listeners?: readonly ListenerSpec[] }> & { deleteCascade(id: string): Promise<void> }
    readonly listeners: Collection<Listener, { readonly loadBalancerId: string; readonly port: number; readonly allowedCidrs?: readonly string[]; readonly defaultPoolId?: string }> & {
      /** null: everybody. Not with OVN. */
      admit(listenerId: string, allowedCidrs: readonly string[] | null): Promise<void>
    }
    readonly pools: Collection<Pool, { readonly listenerId: string; readonly algorithm: Algorithm }>
    members(poolId: string): Promise<readonly Member[]>
    /**
     * One call, one lock of the balancer, for all of them. One that is there already, by address and port, stays the member it is.
     * Others are left alone: a list that had to be whole would take out whoever it was not told of.
     */
    addMembers(pool: Pick<Pool, 'id' | 'loadBalancerId'>, members: readonly MemberSpec[]): Promise<void>
    removeMember(poolId: string, memberId: string): Promise<void>
    /** Adopts on 409 duplicate. */
    addHealthMonitor(pool: Pick<Pool, 'id' | 'loadBalancerId'>, monitor: HealthMonitorSpec): Promise<void>
    providers(): Promise<readonly string[]>
    quota(): Promise<{ readonly loadBalancers: Quota }>
  }
}
