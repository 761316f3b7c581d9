/** Processes that hang, against real ones. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { supervise, type Supervisor } from './supervisor.ts'

let directory: string
let supervisor: Supervisor
const said: string[] = []
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'skerry-supervisor-')); said.length = 0 })
afterEach(async () => { await supervisor.stop(); rmSync(directory, { recursive: true }) })

const start = async (text: string, watchdogMs: number): Promise<number> => {
  const module = join(directory, 'child.mjs')
  writeFileSync(module, text)
  supervisor = supervise(directory, (message) => said.push(message), { shutdownDelayMs: 0, watchdogMs })
  await supervisor.start({ name: 'child', args: [module] })
  return supervisor.pids()['child']!
}

test('E5 a process that hangs is ended and started again', async () => {
  const hung = await start('process.send(\'ready\', () => { for (;;) ; })', 600)
  await vi.waitFor(() => { expect(supervisor.pids()['child']).not.toBe(hung) }, 10_000)
  expect(said[0]).toMatch(/^child hangs/)
})

test('E5 a process that gives signs of life is left alone, though it has nothing to do', async () => {
  const alive = await start('process.send(\'ready\'); setInterval(() => process.send(\'alive\'), 100)', 900)
  await new Promise((done) => { setTimeout(done, 1_500) })
  expect(supervisor.pids()['child']).toBe(alive)
  expect(said).toEqual([])
})
