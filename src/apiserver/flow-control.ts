/**
 * Which request is answered now, which waits and which is refused with 429: API priority and fairness, smaller. Every identity is a
 * flow of one priority level, and so is every address from which somebody comes who is not known. A level has seats of its own, so that none starves another; within it the flow that has used least
 * comes next (start-time fair queueing over the milliseconds that its requests sat), so that no flow starves another.
 * Of one process, and not shared between replicas: N of them let N times as much through.
 */
import type { Identity } from './identity.ts'
import { cutOff, tooManyRequests } from './status.ts'
import { TokenBucket, type Rate } from './token-bucket.ts'

export interface Level extends Rate {
  /** Requests of all flows that are under way at once. */
  readonly seats: number
  /** Requests of one flow that wait for a seat. */
  readonly queue: number
  /** How long one waits. */
  readonly waitMs: number
  /** Watches, and lists that wait for their reader: of one flow, of all. */
  readonly streams: number
  readonly streamsInAll: number
  /** Bytes in memory: bodies that are being read, answers that nobody has taken. Of one flow, of all. */
  readonly bytes: number
  readonly bytesInAll: number
}

/** Somebody who is not known is a flow by where they come from. */
export interface Stranger { readonly address: string }
export type Caller = Identity | Stranger

export interface FlowControlOptions {
  readonly levels: Readonly<Record<string, Level>>
  /** One of the levels' names. */
  levelOf(caller: Caller): string
}

export type Refusal = 'rate' | 'queue-full' | 'time-out' | 'streams' | 'bytes'
export interface FlowControlEvents {
  refused(level: string, why: Refusal): void
  waited(level: string, ms: number): void
}

/** One request, from its arrival until its answer was taken. */
export interface Turn {
  /** Undefined: sits at once. Throws 429. */
  sit(): Promise<void> | undefined
  /** Gives the seat back: what is left of the request waits for changes, or for its reader. Throws 429 when too many do. */
  stream(): void
  /** Counts bytes until the end. Throws 429. */
  hold(bytes: number): void
  /** Makes it as dear as so many requests. */
  spend(requests: number): void
  /** Gives the seat back. */
  rise(): void
  /** Gives everything back. May come at any time, and again. */
  end(): void
}
export interface FlowControl {
  /** Throws 429 to who comes too often. */
  arrive(caller: Caller): Turn
  /** By level. */
  state(): readonly { readonly level: string; readonly seated: number; readonly waiting: number; readonly streams: number }[]
}

interface Waiter { seat(): void }
interface Flow {
  readonly bucket: TokenBucket
  readonly waiting: Waiter[]
  /** Virtual time: what it has used, and not less than what everybody had when it came. */
  used: number
  open: number
  streams: number
  bytes: number
}
interface Room {
  readonly name: string
  readonly level: Level
  readonly flows: Map<string, Flow>
  readonly queued: Set<Flow>
  seated: number
  waiting: number
  streams: number
  bytes: number
  /** `used` of the flow that was seated last. */
  clock: number
}

/** What a request costs until it is known: it keeps one flow from taking all seats that get free at once. */
const leastMs = 1
/** Flows that are idle are forgotten when there are more than these. */
const flowsAtMost = 1_000

export const openFlowControl = (o: FlowControlOptions, events: FlowControlEvents, now: () => number = () => performance.now()): FlowControl => {
  const rooms = new Map<string, Room>(Object.entries(o.levels).map(([name, level]) => [name, { name, level, flows: new Map(), queued: new Set(), seated: 0, waiting: 0, streams: 0, bytes: 0, clock: 0 }]))

  const refuse = (room: Room, why: Refusal, afterMs = 1_000): Error => {
    events.refused(room.name, why)
    return tooManyRequests(Math.max(1, Math.ceil(afterMs / 1000)))
  }
  const flowOf = (room: Room, id: string, at: number): Flow => {
    const have = room.flows.get(id)
    if (have !== undefined) return have
    if (room.flows.size >= flowsAtMost) for (const [k, f] of room.flows) if (f.open === 0 && f.bucket.isFull(at)) room.flows.delete(k)
    const flow: Flow = { bucket: new TokenBucket(room.level, at), waiting: [], used: 0, open: 0, streams: 0, bytes: 0 }
    room.flows.set(id, flow)
    return flow
  }
  const seat = (room: Room, flow: Flow): void => {
    room.seated++
    room.clock = Math.max(room.clock, flow.used)
    flow.used += leastMs
  }
  const seatNext = (room: Room): void => {
    while (room.seated < room.level.seats && room.queued.size > 0) {
      let next: Flow | undefined
      for (const f of room.queued) if (next === undefined || f.used < next.used) next = f
      const waiter = next!.waiting[0]!
      seat(room, next!)
      waiter.seat()
    }
  }
  const leave = (room: Room, flow: Flow, waiter: Waiter): void => {
    flow.waiting.splice(flow.waiting.indexOf(waiter), 1)
    room.waiting--
    if (flow.waiting.length === 0) room.queued.delete(flow)
  }

  const turnOf = (room: Room, flow: Flow): Turn => {
    let isOpen = true
    let seatedAt: number | undefined
    let isStream = false
    let bytes = 0
    let giveUp: (() => void) | undefined
    const rise = (): void => {
      if (seatedAt === undefined) return
      flow.used += Math.max(0, now() - seatedAt - leastMs)
      seatedAt = undefined
      room.seated--
      seatNext(room)
    }
    const wait = (since: number): Promise<void> => new Promise((seated, failed) => {
      const settle = (): void => {
        clearTimeout(timer)
        giveUp = undefined
        leave(room, flow, waiter)
      }
      const timer = setTimeout(() => { settle(); failed(refuse(room, 'time-out')) }, room.level.waitMs)
      const waiter: Waiter = {
        seat() {
          settle()
          seatedAt = now()
          events.waited(room.name, seatedAt - since)
          seated()
        },
      }
      giveUp = () => { settle(); failed(cutOff()) }
      flow.waiting.push(waiter)
      room.queued.add(flow)
      room.waiting++
    })
    return {
      sit() {
        if (!isOpen) throw cutOff()
        if (flow.waiting.length === 0) flow.used = Math.max(flow.used, room.clock)
        if (room.seated < room.level.seats && room.queued.size === 0) {
          seat(room, flow)
          seatedAt = now()
          return undefined
        }
        if (flow.waiting.length >= room.level.queue) throw refuse(room, 'queue-full')
        return wait(now())
      },
      stream() {
        if (isStream || !isOpen) return
        if (flow.streams >= room.level.streams || room.streams >= room.level.streamsInAll) throw refuse(room, 'streams', 5_000)
        isStream = true
        flow.streams++
        room.streams++
        rise()
      },
      hold(more) {
        if (flow.bytes + more > room.level.bytes || room.bytes + more > room.level.bytesInAll) throw refuse(room, 'bytes')
        if (!isOpen) return
        bytes += more
        flow.bytes += more
        room.bytes += more
      },
      spend: (requests) => flow.bucket.spend(requests),
      rise,
      end() {
        if (!isOpen) return
        isOpen = false
        giveUp?.()
        rise()
        flow.open--
        flow.bytes -= bytes
        room.bytes -= bytes
        if (!isStream) return
        flow.streams--
        room.streams--
      },
    }
  }

  return {
    arrive(caller) {
      const room = rooms.get(o.levelOf(caller))!
      const at = now()
      const flow = flowOf(room, 'user' in caller ? caller.user : caller.address, at)
      const inMs = flow.bucket.take(at)
      if (inMs > 0) throw refuse(room, 'rate', inMs)
      flow.open++
      return turnOf(room, flow)
    },
    state: () => [...rooms.values()].map(({ name, seated, waiting, streams }) => ({ level: name, seated, waiting, streams })),
  }
}

/** Where nothing is limited: simulators, and tests of something else. */
export const noFlowControl: FlowControl = { arrive: () => ({ sit: () => undefined, stream() {}, hold() {}, spend() {}, rise() {}, end() {} }), state: () => [] }
