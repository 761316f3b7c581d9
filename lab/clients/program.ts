/** Runs one client's program against a server: environment in, lines out; `RESTART` is answered by restarting the server. */
import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { checkIn, type Check, type Outcome } from './report.ts'
import type { Server } from './server.ts'

export interface Program {
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Everything it prints. */
  readonly log: string
  readonly atMostMs: number
}

export const runProgram = async (program: Program, server: Pick<Server, 'restart'>): Promise<Outcome> => {
  const begun = performance.now()
  const log = createWriteStream(program.log, { mode: 0o600 })
  const child = spawn(program.command, [...program.args], { cwd: program.cwd, env: { ...process.env, ...program.env }, stdio: ['pipe', 'pipe', 'pipe'] })
  const end = (): void => { child.kill('SIGKILL') }
  process.once('exit', end)
  const timer = setTimeout(end, program.atMostMs)
  child.stderr.pipe(log, { end: false })
  child.stdin.on('error', () => {})
  const checks: Check[] = []
  const ended = new Promise<string | undefined>((done) => {
    child.once('error', (error) => done(error.message))
    child.once('close', (code, signal) => done(signal !== null ? `ended by ${signal} after ${Math.round((performance.now() - begun) / 1000)} s` : code === 0 || checks.some((c) => !c.isOk) ? undefined : `ended with ${code}`))
  })
  for await (const line of createInterface({ input: child.stdout })) {
    log.write(`${line}\n`)
    if (line === 'RESTART') child.stdin.write(`${await server.restart().then(() => 'restarted', (error: unknown) => String(error).replaceAll('\n', ' '))}\n`)
    const check = checkIn(line)
    if (check !== undefined) checks.push(check)
  }
  const broken = await ended
  clearTimeout(timer)
  process.off('exit', end)
  log.end()
  return { kind: 'ran', checks, seconds: (performance.now() - begun) / 1000, ...(broken !== undefined && { broken: `${broken}; see ${program.log}` }) }
}
