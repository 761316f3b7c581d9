/** Skerry as a person uses it: the program `skerry serve`, the command `skerry`, and kubectl against its API. The names of its entry points are here only. */
import { execFile, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const entry = { serve: 'src/server/main.ts', skerry: 'src/server/skerry.ts' }

export interface Product {
  /** Answers what the command printed. */
  skerry(...args: readonly string[]): Promise<string>
  /** One object of Skerry's API, read with kubectl; undefined when it is not there. */
  get<T>(resource: string, name: string, namespace?: string): Promise<T | undefined>
  list<T>(resource: string, namespace?: string): Promise<readonly T[]>
  /** Asks for its deletion, and does not wait. */
  remove(resource: string, name: string, namespace: string): Promise<void>
  /** A folder with the command `skerry`, for kubeconfigs whose user is a command. */
  readonly bin: string
  stop(): Promise<void>
}

/** `repo`: the checkout. `state`: the program's folder. Resolves when the API answers. */
export async function startProduct({ repo, state, port, kubectl, env }: { readonly repo: string; readonly state: string; readonly port: number; readonly kubectl: string; readonly env: NodeJS.ProcessEnv }): Promise<Product> {
  await mkdir(join(state, 'bin'), { recursive: true })
  const bin = join(state, 'bin')
  await writeFile(join(bin, 'skerry'), `#!/bin/sh\nexec '${process.execPath}' '${join(repo, entry.skerry)}' "$@"\n`)
  await chmod(join(bin, 'skerry'), 0o755)
  const kubeconfig = join(state, 'kubeconfig')
  const around: NodeJS.ProcessEnv = { ...env, PATH: `${bin}:${env['PATH'] ?? ''}`, SKERRY_STATE: state, KUBECONFIG: kubeconfig, SKERRY_KUBECONFIG: kubeconfig }

  const log = createWriteStream(join(state, 'serve.log'))
  const child = spawn(process.execPath, [join(repo, entry.serve), 'serve', '--state', state, '--port', String(port)], { cwd: repo, env: around, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.pipe(log)
  child.stderr.pipe(log)
  const ended = new Promise<string>((resolve) => child.once('exit', (code, signal) => resolve(`skerry serve ended with ${code ?? signal}; ${join(state, 'serve.log')}`)))

  const call = async (command: string, args: readonly string[], timeout = 60_000): Promise<string> => {
    const { stdout } = await run(command, [...args], { env: around, timeout, maxBuffer: 64 << 20 })
    return stdout
  }
  const product: Product = {
    bin,
    skerry: (...args) => call(join(bin, 'skerry'), args),
    get: async <T>(resource: string, name: string, namespace?: string) => {
      const text = await call(kubectl, ['--request-timeout=20s', ...(namespace === undefined ? [] : ['-n', namespace]), 'get', resource, name, '-o', 'json', '--ignore-not-found'])
      return text.trim() === '' ? undefined : (JSON.parse(text) as T)
    },
    list: async <T>(resource: string, namespace?: string) =>
      (JSON.parse(await call(kubectl, ['--request-timeout=20s', ...(namespace === undefined ? [] : ['-n', namespace]), 'get', resource, '-o', 'json'])) as { items: T[] }).items,
    remove: async (resource, name, namespace) => void (await call(kubectl, ['--request-timeout=20s', '-n', namespace, 'delete', resource, name, '--wait=false'])),
    stop: async () => {
      child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000)
      await ended
      clearTimeout(timer)
    },
  }
  const gaveUp = AbortSignal.timeout(120_000)
  for (;;) {
    const state = await Promise.race([ended, call(kubectl, ['get', '--raw', '/readyz', '--request-timeout=2s']).then(() => true as const, () => false as const)])
    if (state === true) return product
    if (typeof state === 'string') throw new Error(state)
    if (gaveUp.aborted) { await product.stop(); throw new Error(`skerry serve did not answer within 120 s; ${join(around['SKERRY_STATE']!, 'serve.log')}`) }
    await new Promise((again) => setTimeout(again, 500))
  }
}
