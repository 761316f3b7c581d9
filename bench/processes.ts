/** What processes cost, from /proc: CPU and memory of a process and of all that it started. */
import { readFileSync, readdirSync } from 'node:fs'

const ticksPerSecond = 100

const stat = (pid: number): { readonly ppid: number; readonly ticks: number } | undefined => {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ')
    return { ppid: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) }
  } catch { return undefined }
}
const field = (pid: number, file: 'status' | 'smaps_rollup', name: string): number => {
  try { return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/${file}`, 'utf8'))?.[1] ?? 0) / 1024 } catch { return 0 }
}

/** The process and all that came from it. */
export const descendants = (pid: number): readonly number[] => {
  const all = readdirSync('/proc').filter((n) => /^\d+$/.test(n)).map(Number).map((p) => [p, stat(p)?.ppid] as const)
  const found = [pid]
  for (let i = 0; i < found.length; i++) found.push(...all.filter(([, parent]) => parent === found[i]).map(([p]) => p))
  return found
}

const total = (pids: readonly number[], of: (pid: number) => number): number => pids.reduce((sum, p) => sum + of(p), 0)
/** User and system time so far. */
export const cpuSeconds = (pids: readonly number[]): number => total(pids, (p) => stat(p)?.ticks ?? 0) / ticksPerSecond
export const rssMiB = (pids: readonly number[]): number => total(pids, (p) => field(p, 'status', 'VmRSS'))
export const peakRssMiB = (pids: readonly number[]): number => total(pids, (p) => field(p, 'status', 'VmHWM'))
/** What processes share (PostgreSQL's buffers) counts once. */
export const pssMiB = (pids: readonly number[]): number => total(pids, (p) => field(p, 'smaps_rollup', 'Pss'))
