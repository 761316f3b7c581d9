import { describe, expect, test } from 'vitest'
import type { Cluster, Machine, MachineType, Release, Site } from '../../api/index.ts'
import type { MachineStatus } from '../../api/machine/index.ts'
import type { Port, Server, Volume } from '../../drivers/openstack/cloud.ts'
import type { KubeNode } from '../../drivers/kubernetes/kubernetes.ts'
import type { Sight } from '../outside.ts'
import type { Seen } from './observe.ts'
import { plan } from './plan.ts'

const now = new Date('2026-01-01T01:00:00Z')
const ago = (minutes: number) => new Date(now.getTime() - minutes * 60_000).toISOString()
const meta = { name: 'w-abcde', namespace: 'p', uid: 'm', resourceVersion: '1', generation: 1, creationTimestamp: ago(60) }
const is = <T>(object: T, doubles: readonly T[] = []): Sight<T> => ({ kind: 'seen', object, doubles })
const absent = { kind: 'absent' } as const
const port = (more: Partial<Port> = {}): Port => ({ id: 'p1', name: '', networkId: 'n', status: 'ACTIVE', deviceId: '', deviceOwner: '', fixedIps: [{ subnetId: 's', address: '10.0.0.20' }], mac: '', securityGroupIds: [], ...more })
const volume = (more: Partial<Volume> = {}): Volume => ({ id: 'v1', name: '', status: 'available', sizeGiB: 40, type: 'fast', bootable: true, attachedTo: [], ...more })
const server = (more: Partial<Server> = {}): Server => ({ id: 's1', name: 'w-abcde', status: 'ACTIVE', taskState: null, powerState: 1, hostId: 'h', flavor: 'f', addresses: [], volumeIds: [], ...more })
const node: KubeNode = { name: 'w-abcde', uid: 'n', providerId: 'openstack:///s1', ready: true, unschedulable: false, kubeletVersion: 'v1', osImage: '', internalIps: [], labels: {} }
const seen = (more: Partial<Seen> & { status?: MachineStatus; role?: 'controlplane' | 'worker' } = {}): Seen => {
  const { status = {}, role = 'worker', ...rest } = more
  return {
    kind: 'seen', deleting: false, isClusterGoing: false, port: is(port()), volume: is(volume()), server: absent, node: undefined, isOneHeard: true, isApiSeen: true, contact: undefined, intents: status.intents, isAsked: () => false, image: 'i',
    mark: (r) => ({ uid: 'm', site: 'x', role: r }), siteCloud: {} as never, release: { spec: { talosVersion: 'v1' } } as Release, type: { spec: { diskGiB: 0 } } as MachineType,
    site: { spec: { bootTimeout: '10m' } } as Site, cluster: { spec: { site: 'x' }, metadata: meta } as unknown as Cluster,
    machine: { apiVersion: '', kind: 'Machine', metadata: { ...meta, ...(rest.deleting === true && { deletionTimestamp: ago(1) }) }, status, spec: { cluster: 'c', role, machineType: 't', rootVolume: { sizeGiB: 40 }, release: 'r', labels: {}, taints: [], drainTimeout: '10m' } } as Machine,
    ...rest,
  }
}
const steps = (s: Seen) => plan(s, now).steps.map((x) => x.kind)
const reason = (s: Seen) => { const o = plan(s, now).outcome; return o.kind === 'settled' ? 'settled' : o.reason }

describe('making a machine', () => {
  test('E3 port and volume are intended before they are created, side by side', () => expect(steps(seen({ port: absent, volume: absent }))).toEqual(['intend', 'create-port', 'create-volume']))
  test('O7 a flavor with a disk boots from the image', () => expect(steps(seen({ port: absent, volume: absent, type: { spec: { diskGiB: 40 } } as MachineType }))).toEqual(['intend', 'create-port']))
  test('O7 the server waits for an available and bootable volume', () => {
    expect([steps(seen({ volume: is(volume({ status: 'downloading' })) })), reason(seen({ volume: is(volume({ bootable: false })) }))]).toEqual([[], 'WaitingForVolume'])
    expect(steps(seen())).toEqual(['intend', 'create-server'])
  })
  test('E3 an unanswered creation is looked for before it is tried again', () => {
    expect([steps(seen({ status: { intents: { server: ago(0.5) } } })), reason(seen({ status: { intents: { server: ago(0.5) } } }))]).toEqual([[], 'Looking'])
    expect(steps(seen({ status: { intents: { server: ago(1.1) } } }))).toEqual(['intend', 'create-server'])
  })
  test('E3 a second object with one mark goes, the recorded one stays', () => {
    expect(plan(seen({ server: is(server(), [server({ id: 's2' })]), node }), now).steps).toEqual([{ kind: 'delete-server', id: 's2', force: false, isDouble: true }])
  })
  test('E3 a double that is going already is not deleted, and counted, again', () => expect(steps(seen({ server: is(server(), [server({ id: 's2', taskState: 'deleting' })]), volume: is(volume(), [volume({ id: 'v2', status: 'deleting' })]), node }))).toEqual([]))
  test('a port that belongs to another server is waited for', () => expect(steps(seen({ port: is(port({ deviceId: 'old' })) }))).toEqual([]))
  test('what a machine was made from may go once it stands', () => expect(reason(seen({ server: is(server()), node, type: undefined, release: undefined, image: undefined }))).toBe('settled'))
  test.each([['MachineTypeMissing', { type: undefined }], ['ReleaseMissing', { release: undefined }]] as const)('%s is asked for again: nobody wakes a machine when it comes', (why, more) =>
    expect(plan(seen(more), now)).toMatchObject({ steps: [], outcome: { kind: 'waiting', reason: why } }))
  test('a missing image says what to do', () => expect(reason(seen({ image: undefined }))).toBe('ImageMissing'))
  test('O7 ERROR before first contact keeps the fault, deletes and tries again, three times', () => {
    const error = server({ status: 'ERROR', fault: { code: 500, message: 'No valid host was found.' } })
    expect(plan(seen({ server: is(error), status: { failures: 1 } }), now).steps).toEqual([{ kind: 'give-up', serverId: 's1', why: 'No valid host was found.' }])
    expect(plan(seen({ status: { failures: 3, fault: 'No valid host was found.' } }), now)).toMatchObject({ steps: [], outcome: { kind: 'refused', reason: 'ServerError' } })
  })
  test('O7 one failure counts once: who was given up is only waited for, and asked again', () => {
    const gaveUp = (more: Partial<Server>, isAsked: Seen['isAsked'] = () => false, minutes = 1) => seen({ server: is(server({ status: 'ERROR', ...more })), isAsked, status: { failures: 1, fault: 'no', gaveUp: { serverId: 's1', at: ago(minutes) } } })
    expect([steps(gaveUp({ taskState: 'deleting' })), steps(gaveUp({ taskState: 'soft-deleting' })), steps(gaveUp({}, () => true)), steps(gaveUp({}))]).toEqual([[], [], [], ['delete-server']])
    expect(plan(gaveUp({ status: 'SOFT_DELETED' }), now).steps).toEqual([{ kind: 'delete-server', id: 's1', force: true }])
    expect([reason(gaveUp({})), reason(gaveUp({}, () => true, 16))]).toEqual(['ServerError', 'ServerStuckDeleting'])
    expect(steps(seen({ server: is(server({ id: 's2', status: 'ERROR' })), status: { failures: 1, gaveUp: { serverId: 's1', at: ago(9) } } }))).toEqual(['give-up'])
  })
  test.each(['ERROR', 'ACTIVE'])('T3 O7 a server in %s that somebody deletes is neither given up nor rebooted', (status) =>
    expect(steps(seen({ server: is(server({ status, taskState: 'deleting' })), status: { activeAt: ago(60) } }))).toEqual([]))
  test('a server that a person soft-deleted may be restored: it is not forced', () => expect(steps(seen({ server: is(server({ status: 'SOFT_DELETED' })) }))).toEqual([]))
  test.each(['error', 'error_deleting'])('O7 a root volume in %s is made again', (status) => {
    expect(plan(seen({ volume: is(volume({ status })) }), now)).toMatchObject({ steps: [{ kind: 'delete-volume', id: 'v1' }], outcome: { reason: 'ServerError', message: expect.stringContaining('v1') } })
    expect(steps(seen({ volume: is(volume({ status })), isAsked: () => true }))).toEqual([])
  })
  test('O7 ERROR after first contact is not the machine\'s to mend', () => expect(steps(seen({ server: is(server({ status: 'ERROR' })), status: { contactAt: ago(5) } }))).toEqual([]))
  test('E2 UNKNOWN is waited for', () => expect([steps(seen({ server: is(server({ status: 'UNKNOWN' })) })), reason(seen({ server: is(server({ status: 'UNKNOWN' })) }))]).toEqual([[], 'WaitingForServer']))
  test('T6 the Node gets its provider id once', () => expect([steps(seen({ server: is(server()), node: { ...node, providerId: '' } })), steps(seen({ server: is(server()), node }))]).toEqual([['name-node'], []]))
})

describe('T3 the boot watchdog', () => {
  const booting = (minutes: number, more: Parameters<typeof seen>[0] = {}) => seen({ server: is(server()), ...more, status: { activeAt: ago(minutes), ...more.status } })
  test('T3 it waits until the time is over', () => expect(steps(booting(9))).toEqual([]))
  test('T3 then it reboots hard, twice', () => {
    expect(plan(booting(11), now).steps).toEqual([{ kind: 'hard-reboot', serverId: 's1', count: 1 }])
    expect(plan(booting(21, { status: { hardReboots: 1 } }), now).steps).toEqual([{ kind: 'hard-reboot', serverId: 's1', count: 2 }])
  })
  test('T3 then it gives up and makes it again', () => expect(steps(booting(31, { status: { hardReboots: 2 } }))).toEqual(['give-up']))
  test('T3 a worker is not timed before the API answers', () => expect(steps(booting(50, { isApiSeen: false }))).toEqual([]))
  test('T3 a control plane is timed from ACTIVE', () => expect(steps(booting(11, { isApiSeen: false, role: 'controlplane' }))).toEqual(['hard-reboot']))
  test('E4 one of a control plane listens for all until one is heard; a worker is told of by the nodes\' watch', () => {
    const after = (more: Partial<Seen>, slot?: number) => {
      const s = booting(1, { role: slot === undefined ? 'worker' : 'controlplane', ...more })
      const { outcome } = plan({ ...s, machine: { ...s.machine, spec: { ...s.machine.spec, ...(slot !== undefined && { slot }) } } }, now)
      return outcome.kind === 'waiting' && outcome.afterSeconds
    }
    expect([after({ isOneHeard: false }, 0), after({ isOneHeard: false }, 1), after({ isOneHeard: true }, 1)]).toEqual([2, 15, 2])
    expect([after({ isApiSeen: false }), after({})]).toEqual([180, 60])
  })
  test('T3 after first contact it is silent', () => expect(steps(booting(50, { status: { contactAt: ago(40) } }))).toEqual([]))
})

describe('O7 taking a machine apart', () => {
  const going = (more: Parameters<typeof seen>[0]) => seen({ deleting: true, ...more })
  test('O7 pods leave first', () => expect(steps(going({ server: is(server()), node }))).toEqual(['start-drain', 'drain']))
  test('O7 then the server', () => expect(steps(going({ server: is(server()), node, status: { drainStartedAt: ago(1), drainedAt: ago(0) } }))).toEqual(['delete-server']))
  test('O7 a drain ends with its time-out', () => expect(steps(going({ server: is(server()), node, status: { drainStartedAt: ago(11) } }))).toEqual(['delete-server']))
  test('O7 T2 a member of etcd waits for its turn, then for its pods, then for etcd, and only then the server goes', () => {
    const member = (leaving: object | undefined, status: object = {}, more: object = {}) => steps(going({ role: 'controlplane', server: is(server()), node, cluster: { spec: { site: 'x' }, metadata: meta, status: { controlPlane: { bootstrap: { doneAt: ago(9) }, leaving } } } as unknown as Cluster, status: { contactAt: ago(9), ...status }, ...more }))
    const mine = { machine: meta.name, isOut: false }
    const drained = { drainStartedAt: ago(1), drainedAt: ago(0) }
    expect([member(undefined), member({ machine: 'another', isOut: false }, drained)]).toEqual([[], []])
    expect([member(mine), member(mine, { drainStartedAt: ago(1) }), member(mine, { drainStartedAt: ago(11) }), member(mine, {}, { node: undefined }), member(mine, drained)]).toEqual([['start-drain', 'drain'], ['drain'], ['end-drain'], ['end-drain'], []])
    expect([member({ machine: meta.name, isOut: true }, drained), member(undefined, {}, { isClusterGoing: true })]).toEqual([['delete-server'], ['delete-server']])
  })
  test('O7 of a control plane that never ran, or whose etcd never began, nothing waits for etcd', () => expect(steps(going({ role: 'controlplane', server: is(server()), status: { contactAt: ago(1) } }))).toEqual(['delete-server']))
  test('O7 nothing is drained when the cluster goes', () => expect(steps(going({ isClusterGoing: true, server: is(server()), node }))).toEqual(['delete-server']))
  test('O7 what is soft deleted is forced', () => expect(plan(going({ server: is(server({ status: 'SOFT_DELETED' })) }), now).steps).toEqual([{ kind: 'delete-server', id: 's1', force: true }]))
  test('O7 node, port and volume go after the server', () => expect(steps(going({ node }))).toEqual(['delete-node', 'delete-port', 'delete-volume']))
  test('O7 nothing is asked to go again at once', () => {
    const asked = (more: Parameters<typeof seen>[0]) => steps(going({ isAsked: () => true, ...more }))
    expect([asked({ server: is(server({ status: 'ERROR' })) }), asked({ port: absent, volume: is(volume({ status: 'error_deleting' })) }), asked({ server: is(server(), [server({ id: 's2', status: 'ERROR' })]) })]).toEqual([[], [], []])
    const member = { role: 'controlplane', server: is(server({ status: 'ERROR' })), node, status: { contactAt: ago(9), drainStartedAt: ago(1), drainedAt: ago(0) } } as const
    expect([asked(member), steps(going({ ...member, server: is(server({ status: 'SOFT_DELETED' })) }))]).toEqual([[], ['delete-server']])
  })
  test('O7 a forced deletion is another request than the one before it', () =>
    expect(steps(going({ server: is(server({ status: 'SOFT_DELETED' })), isAsked: (r) => r === 's1' }))).toEqual(['delete-server']))
  test.each<[string, Parameters<typeof seen>[0], string, readonly string[]]>([
    ['a server that ends in ERROR each time', { server: is(server({ status: 'ERROR', fault: { code: 500, message: 'detach failed' } })) }, 'ServerStuckDeleting', ['s1', 'detach failed']],
    ['a server that stays deleting', { server: is(server({ taskState: 'deleting' })) }, 'ServerStuckDeleting', ['s1']],
    ['a port that names a server that is gone', { port: is(port({ deviceId: 'gone' })), volume: absent }, 'PortOrVolumeStuck', ['p1', 'gone']],
    ['a volume that names a server that is gone', { port: absent, volume: is(volume({ status: 'in-use', attachedTo: ['gone'] })) }, 'PortOrVolumeStuck', ['v1', 'gone']],
    ['a volume in error_deleting', { port: absent, volume: is(volume({ status: 'error_deleting' })) }, 'PortOrVolumeStuck', ['v1']],
  ])('O7 %s is named after 15 minutes, counted from when the pods have left', (_, more, why, words) => {
    const since = (status: MachineStatus) => plan(going({ ...more, status }), now).outcome
    expect(since({ drainedAt: ago(16) })).toMatchObject({ reason: why, message: expect.toSatisfy((m: string) => words.every((w) => m.includes(w))) })
    expect([since({ drainedAt: ago(14) }), since({ drainStartedAt: ago(24) })]).toMatchObject([{ reason: 'Deleting' }, { reason: 'Deleting' }])
    expect(since({ drainStartedAt: ago(26) })).toMatchObject({ reason: why })
  })
  test('O7 the Node is waited for while the API may come back, also when nothing was heard since a start, and then left', () => {
    const last = (more: Parameters<typeof seen>[0]) => going({ port: absent, volume: absent, ...more })
    for (const more of [{ node }, { isApiSeen: false, status: { nodeReady: false } }] as const) {
      const left = (minutes: number) => last({ ...more, status: { nodeReady: false, drainedAt: ago(minutes) } })
      expect([steps(left(14)), reason(left(14))]).toEqual([['delete-node'], 'WaitingForApi'])
      expect(steps(left(16))).toEqual(['delete-node', 'finish'])
    }
    expect([steps(last({ status: { nodeReady: true } })), steps(last({ isApiSeen: false })), steps(last({ isApiSeen: false, isClusterGoing: true, status: { nodeReady: true } }))]).toEqual([['finish'], ['finish'], ['finish']])
  })
  test('O7 a port or volume in use is waited for', () => expect(steps(going({ port: is(port({ deviceId: 's1' })), volume: is(volume({ attachedTo: ['s1'] })) }))).toEqual([]))
  test('O7 the slot\'s port outlives its machine', () => expect(steps(going({ role: 'controlplane', volume: absent }))).toEqual(['finish']))
  test('E3 a creation still unanswered is looked for before the machine goes', () => expect(steps(going({ port: absent, volume: absent, status: { intents: { server: ago(0.5) } } }))).toEqual([]))
  test('O7 the end', () => expect(steps(going({ port: absent, volume: absent }))).toEqual(['finish']))
})
