/** `node commands/run.ts NAME`: the steps of a command-line client, in order, a line each. */
import { execFile } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { helm } from './helm.ts'
import { kubectl } from './kubectl.ts'
import { kustomize } from './kustomize.ts'
import { opentofu } from './opentofu.ts'
import { mistakeIn, type Step } from './step.ts'

const suites: Readonly<Record<string, (at: { readonly namespace: string; readonly bin: string; readonly folder: string }) => Promise<readonly Step[]>>> = { kubectl, helm, kustomize, opentofu }

const execute = ([command, ...args]: readonly string[], { input = '', env, forMs }: Pick<Step, 'input' | 'env' | 'forMs'>): Promise<{ readonly code: number; readonly text: string }> => new Promise((done) => {
  const child = execFile(command!, args, { env: { ...process.env, ...env }, timeout: forMs ?? 60_000, encoding: 'utf8', maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
    done({ code: error === null ? 0 : typeof error.code === 'number' ? error.code : -1, text: stdout + stderr })
  })
  child.stdin?.on('error', () => {})
  child.stdin?.end(input)
})

const { NAMESPACE: namespace = '', CLIENTS: clients = '' } = process.env
const suite = suites[process.argv[2] ?? '']
if (suite === undefined) throw new Error(`usage: node run.ts ${Object.keys(suites).join('|')}`)
for (const step of await suite({ namespace, bin: `${clients}/bin`, folder: process.cwd() })) {
  const running = execute(step.run, step)
  if (step.meanwhile !== undefined) {
    await sleep(500)
    await execute(step.meanwhile, {})
  }
  const mistake = mistakeIn(step, await running)
  process.stdout.write(mistake === undefined ? `ok   ${step.what}\n` : `FAIL ${step.what}: ${mistake.replaceAll('\n', ' ')}\n`)
  if (mistake !== undefined) process.exitCode = 1
}
