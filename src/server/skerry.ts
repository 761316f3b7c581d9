#!/usr/bin/env node
/** The command `skerry`: reads the environment and the terminal, hands the rest to `cli`. */
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { httpResources, readKubeconfig, type HttpResources } from '../client/index.ts'
import { cliError, type Context } from '../cli/context.ts'
import { buildProgram, runProgram } from '../cli/program.ts'
import { cloudPorts } from './cli-clouds.ts'
import { writePrivate } from './files.ts'

const { env } = process
const colors = process.stderr.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'

const kubeconfigPath = (given: string | undefined): string => {
  const candidates = [given, env['SKERRY_KUBECONFIG'], join(process.cwd(), '.skerry/kubeconfig'), join(homedir(), '.config/skerry/kubeconfig')].filter((p) => p !== undefined)
  const path = given ?? candidates.find((p) => existsSync(p))
  if (path === undefined || !existsSync(path)) throw cliError(`no kubeconfig of a platform (looked for ${candidates.join(', ')}); ./dev up writes one, or give --kubeconfig`, 5)
  return path
}

let opened: { readonly resources: HttpResources; readonly namespace: string | undefined } | undefined
const open = () => {
  if (opened !== undefined) return opened
  const { options, namespace } = readKubeconfig(resolve(kubeconfigPath(program.opts<{ kubeconfig?: string }>().kubeconfig)), (p) => readFileSync(p, 'utf8'))
  opened = { resources: httpResources({ ...options, userAgent: 'skerry-cli' }), namespace }
  return opened
}
// The option may stand before or behind the command.
const flag = (names: readonly string[]): string | undefined => {
  const argv = process.argv.slice(2)
  for (const [i, a] of argv.entries()) {
    if (names.includes(a)) return argv[i + 1]
    const long = names.find((n) => n.startsWith('--') && a.startsWith(`${n}=`))
    if (long !== undefined) return a.slice(long.length + 1)
  }
  return undefined
}

const context: Context = {
  terminal: {
    out: (text) => { process.stdout.write(`${text}\n`) }, err: (text) => { process.stderr.write(`${text}\n`) },
    isTty: process.stderr.isTTY === true, colors, columns: process.stderr.columns ?? 120,
  },
  files: { read: (path) => readFile(path === '-' ? '/dev/stdin' : path, 'utf8'), writePrivate: (path, text) => writePrivate(resolve(path), text) },
  clouds: cloudPorts(env, homedir()),
  resources: () => open().resources,
  namespace: () => {
    const name = flag(['-n', '--namespace']) ?? env['SKERRY_PROJECT'] ?? open().namespace
    if (name === undefined) throw cliError('which project? -n PROJECT, or SKERRY_PROJECT', 2)
    return name
  },
  now: () => new Date(),
  confirm: async (question) => {
    if (process.stdin.isTTY !== true) return false
    const line = createInterface({ input: process.stdin, output: process.stderr })
    try { return /^y(es)?$/i.test((await line.question(`${question} [y/N] `)).trim()) } finally { line.close() }
  },
}

const program = buildProgram(context)
const code = await runProgram(program, process.argv.slice(2), context)
await opened?.resources.close()
process.exitCode = code
