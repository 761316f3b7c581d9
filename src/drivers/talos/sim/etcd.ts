/** etcd as its members see it together: membership, learners, quorum, a leader. Pure state; disks and services are the node's. */
export interface Member { readonly id: bigint; readonly name: string; readonly peerUrl: string; isLearner: boolean; isRunning: boolean }

export interface Etcd {
  readonly id: bigint
  readonly members: Map<bigint, Member>
  /** 0n: none. */
  leader: bigint
  raftIndex: number
  raftTerm: number
}

/** The part that every member has on its disk; enough to bring the cluster back. */
export interface EtcdData {
  readonly clusterId: string
  readonly memberId: string
  readonly members: readonly { readonly id: string; readonly name: string; readonly peerUrl: string; readonly isLearner: boolean }[]
}

export const hex = (id: bigint): string => id.toString(16).padStart(16, '0')
export const newId = (random: () => number): bigint => (BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32)) | 1n

const voters = (e: Etcd): readonly Member[] => [...e.members.values()].filter((m) => !m.isLearner)
export const hasQuorum = (e: Etcd): boolean => voters(e).filter((m) => m.isRunning).length > voters(e).length / 2

/** After members came, went or changed: a leader where there can be one. */
export const elect = (e: Etcd): void => {
  const leader = e.members.get(e.leader)
  if (hasQuorum(e) && leader?.isRunning === true && !leader.isLearner) return
  e.leader = hasQuorum(e) ? voters(e).find((m) => m.isRunning)!.id : 0n
  e.raftTerm++
}

const wrote = (e: Etcd): void => { e.raftIndex++; elect(e) }
const demandQuorum = (e: Etcd): void => { if (!hasQuorum(e)) throw new Error('etcdserver: no leader') }

export const newEtcd = (random: () => number, name: string, peerUrl: string): { readonly etcd: Etcd; readonly member: Member } => {
  const member: Member = { id: newId(random), name, peerUrl, isLearner: false, isRunning: false }
  return { etcd: { id: newId(random), members: new Map([[member.id, member]]), leader: 0n, raftIndex: 1, raftTerm: 1 }, member }
}

export const fromData = (data: EtcdData): Etcd => ({
  id: BigInt(`0x${data.clusterId}`), leader: 0n, raftIndex: 1000, raftTerm: 2,
  members: new Map(data.members.map((m) => [BigInt(`0x${m.id}`), { id: BigInt(`0x${m.id}`), name: m.name, peerUrl: m.peerUrl, isLearner: m.isLearner, isRunning: false }])),
})
export const toData = (e: Etcd, member: bigint): EtcdData => ({
  clusterId: hex(e.id), memberId: hex(member), members: [...e.members.values()].map((m) => ({ id: hex(m.id), name: m.name, peerUrl: m.peerUrl, isLearner: m.isLearner })),
})

/** As Talos joins: one of the same name is removed first, and etcd admits one learner at a time. */
export const addLearner = (e: Etcd, random: () => number, name: string, peerUrl: string): Member => {
  demandQuorum(e)
  for (const m of e.members.values()) if (m.name === name) removeMember(e, m.id)
  if ([...e.members.values()].some((m) => m.isLearner)) throw new Error('etcdserver: too many learner members in cluster')
  const member: Member = { id: newId(random), name, peerUrl, isLearner: true, isRunning: false }
  e.members.set(member.id, member)
  wrote(e)
  return member
}

export const promote = (e: Etcd, member: Member): void => { demandQuorum(e); member.isLearner = false; wrote(e) }

export const removeMember = (e: Etcd, id: bigint): void => {
  demandQuorum(e)
  const member = e.members.get(id)
  if (member === undefined) throw new Error('etcdserver: member not found')
  const left = voters(e).filter((m) => m.id !== id)
  // etcd's strict reconfiguration check: what is left must have its quorum.
  if (!member.isLearner && left.length > 0 && left.filter((m) => m.isRunning).length <= left.length / 2) throw new Error('etcdserver: re-configuration failed due to not enough started members')
  e.members.delete(id)
  if (e.members.size > 0) wrote(e)
}

export const moveLeader = (e: Etcd): Member => {
  demandQuorum(e)
  const next = voters(e).find((m) => m.isRunning && m.id !== e.leader)
  if (next === undefined) throw new Error('cannot forfeit leadership, only one member')
  e.leader = next.id
  e.raftTerm++
  return next
}
