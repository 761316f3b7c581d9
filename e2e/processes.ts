/** Processes of a story and the ports they listen on. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'

const canListen = (port: number): Promise<boolean> => new Promise((done) => {
  const server = createServer().once('error', () => done(false)).listen(port, '127.0.0.1', () => server.close(() => done(true)))
})
/** Three ports in a row: the API and two clouds. */
export const freePorts = async (): Promise<number> => {
  for (let tries = 0; tries < 50; tries++) {
    const port = 20_000 + (randomBytes(2).readUInt16BE() % 4000) * 3
    if ((await Promise.all([0, 1, 2].map((n) => canListen(port + n)))).every(Boolean)) return port
  }
  throw new Error('no three free ports in a row')
}

export const childrenOf = (parent: number): readonly number[] => readdirSync('/proc').filter((n) => /^\d+$/.test(n)).map(Number).filter((pid) => {
  // pid (comm) state ppid: comm may hold anything, so what follows its last parenthesis counts.
  try { return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')[1]) === parent } catch { return false }
})
export const commandOf = (pid: number): string => { try { return readFileSync(`/proc/${pid}/cmdline`, 'utf8') } catch { return '' } }

export const ended = (child: ChildProcess): Promise<void> => (child.exitCode !== null || child.signalCode !== null ? Promise.resolve() : new Promise((done) => { child.once('exit', () => done()) }))
