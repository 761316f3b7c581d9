/** Priority levels of our API, by who asks, and what of their limits a file changes. Defaults: docs/reference/limits.md. */
import { readFile } from 'node:fs/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import type { Caller, FlowControlOptions, Level, WriterRole } from '../apiserver/index.ts'

const MiB = 1 << 20
/** The controllers of a fleet of 1,000 clusters, with 64 connections a process, meet none of these. */
const controllers: Level = { seats: 128, rate: 5_000, burst: 10_000, queue: 1_000, waitMs: 30_000, streams: 2_000, streamsInAll: 10_000, bytes: 128 * MiB, bytesInAll: 256 * MiB }
/** A server at its limit is shared by seats; the rate is only for who has lost control of a program. */
const administrators: Level = { seats: 64, rate: 5_000, burst: 20_000, queue: 500, waitMs: 15_000, streams: 5_000, streamsInAll: 10_000, bytes: 128 * MiB, bytesInAll: 256 * MiB }
/** A program over client-go asks 5 to 50 times a second, unless it is told otherwise; several may work for one person. */
const people: Level = { seats: 64, rate: 200, burst: 1_000, queue: 100, waitMs: 15_000, streams: 100, streamsInAll: 5_000, bytes: 16 * MiB, bytesInAll: 128 * MiB }

/** Of one address; none of them is answered but with 401. Who has a certificate comes from there as before. */
const strangers: Level = { seats: 16, rate: 10, burst: 200, queue: 50, waitMs: 5_000, streams: 1, streamsInAll: 1, bytes: MiB, bytesInAll: 16 * MiB }

export const flowLevels = { controllers, administrators, people, strangers }
type Levels = typeof flowLevels

const whole = z.int().positive()
const change = z.strictObject({ seats: whole, rate: z.number().positive(), burst: whole, queue: whole, waitMs: whole, streams: whole, streamsInAll: whole, bytes: whole, bytesInAll: whole } satisfies Record<keyof Level, z.ZodType>).partial()
const file = z.strictObject({ controllers: change, administrators: change, people: change, strangers: change } satisfies Record<keyof Levels, z.ZodType>).partial()

/** Throws on what it does not know. */
export const parseLevels = (text: string): Levels => {
  const given = file.safeParse(parse(text) ?? {})
  if (!given.success) throw new Error(z.prettifyError(given.error))
  return Object.fromEntries(Object.entries(flowLevels).map(([name, level]) => [name, { ...level, ...given.data[name as keyof Levels] }])) as Levels
}

const levelOf = (caller: Caller): keyof Levels => (!('writer' in caller) ? 'strangers' : levelOfWriter(caller.writer))
const levelOfWriter = (writer: WriterRole): keyof Levels => (writer === 'site' || writer === 'hub' ? 'controllers' : writer === 'admin' ? 'administrators' : 'people')

export const readFlowControl = async (path: string | undefined): Promise<FlowControlOptions> => {
  try { return { levels: path === undefined ? flowLevels : parseLevels(await readFile(path, 'utf8')), levelOf } } catch (cause) { throw new Error(`reading the limits in ${path!}: ${(cause as Error).message}`, { cause }) }
}
