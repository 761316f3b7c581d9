#!/usr/bin/env node
/** The command `skerry`: reads the environment and the terminal, hands the rest to `cli`. */
import { existsSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { httpResources, readKubeconfig, type HttpResources } from '../client/index.ts'
import { cliError, type Context, type DatabasePlace } from '../cli/context.ts'
import { valueOf } from '../cli/options.ts'
import { buildProgram, runProgram } from '../cli/program.ts'
import { silent } from '../store/log.ts'
import { beginEpoch } from '../store/postgres/epoch.ts'
import { openPostgresStore } from '../store/postgres/postgres.ts'
import { schemaNumber } from '../api/schema-number.ts'
import { enableBootstrap } from './bootstrap.ts'
import { cloudPorts } from './cli-clouds.ts'
import { parseDatabaseUrl, readDatabase } from './database.ts'
import { linesIn, writeLines, writePrivate } from './files.ts'

const { env } = process
// A reader that has seen enough (head, less) is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EPIPE') process.exit(0); throw error })
const argv = process.argv.slice(2)
const colors = process.stderr.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'

const kubeconfigPath = (given: string | undefined): string => {
  const candidates = [...new Set([given, env['SKERRY_KUBECONFIG'], join(process.cwd(), '.skerry/kubeconfig'), join(homedir(), '.config/skerry/kubeconfig')].filter((p): p is string => p !== undefined && p !== ''))]
  const path = given ?? candidates.find((p) => existsSync(p))
  if (path === undefined || !existsSync(path)) throw cliError(`no kubeconfig of a platform (looked for ${candidates.join(', ')}); ./dev up writes one, or give --kubeconfig`, 5)
  return path
}

const databaseOf = ({ url = env['SKERRY_DATABASE_URL'], state = env['SKERRY_STATE'] ?? '.skerry' }: DatabasePlace) => (url !== undefined ? Promise.resolve(parseDatabaseUrl(url)) : readDatabase(resolve(state))).catch(() => { throw cliError(`${resolve(state)} is not the state of a platform that has run; give --state or --database`, 5) })

let opened: { readonly resources: HttpResources; readonly namespace: string | undefined } | undefined
const open = () => {
  if (opened !== undefined) return opened
  const { options, namespace } = readKubeconfig(resolve(kubeconfigPath(valueOf(argv, ['--kubeconfig']))), (p) => readFileSync(p, 'utf8'))
  opened = { resources: httpResources({ ...options, userAgent: 'skerry-cli' }), namespace }
  return opened
}
const context: Context = {
  terminal: {
    out: (text) => { process.stdout.write(`${text}\n`) }, err: (text) => { process.stderr.write(`${text}\n`) },
    isTty: process.stderr.isTTY === true, colors, columns: process.stderr.columns ?? 120,
  },
  files: {
    read: (path) => readFile(path === '-' ? '/dev/stdin' : path, 'utf8'), writePrivate: (path, text) => writePrivate(resolve(path), text),
    lines: (path) => (path === '-' ? createInterface({ input: process.stdin }) : linesIn(path)),
    writeLines: (path, lines) => writeLines(resolve(path), lines),
  },
  clouds: cloudPorts(env, homedir()),
  database: {
    newEpoch: async (where, reason) => beginEpoch(await databaseOf(where), reason, silent),
    enableBootstrap: async (where, reason) => {
      const store = await openPostgresStore({ connection: await databaseOf(where), log: silent, schema: schemaNumber })
      try { return await enableBootstrap(store, `break glass: ${reason}`, new Date()) } finally { await store.close() }
    },
  },
  resources: () => open().resources,
  kubeconfig: async () => { const path = resolve(kubeconfigPath(valueOf(argv, ['--kubeconfig']))); return { path, text: await readFile(path, 'utf8') } },
  namespace: () => {
    const name = valueOf(argv, ['-n', '--namespace']) ?? env['SKERRY_PROJECT'] ?? open().namespace
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
const code = await runProgram(program, argv, context)
await opened?.resources.close()
process.exitCode = code
