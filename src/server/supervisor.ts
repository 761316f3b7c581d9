/** Starts the program's processes, starts them again when they end or hang, ends them when it is told to (rule E5). */
import { spawn, type ChildProcess } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'

export interface ProcessSpec {
  readonly name: string
  /** Module and arguments for node. */
  readonly args: readonly string[]
}

export interface Supervisor {
  /** Resolves when the process has said `ready`. */
  start(spec: ProcessSpec): Promise<void>
  /** Ends it in order; it is started again. */
  restart(name: string): void
  /** Starts another process of that name; when it is ready, ends the one that was there. */
  replace(name: string): Promise<void>
  stop(): Promise<void>
  pids(): Readonly<Record<string, number>>
}

/**
 * V8 lets a heap grow to four times what lives in it, and begins with a nursery so small that lists on their way through survive it.
 * Measured with 1,000 clusters being made: api and controllers took 1,350 MiB at the peak, and 1,920 with a nursery of 4 MiB alone.
 */
const heap = ['--min-semi-space-size=32', '--max-semi-space-size=32', '--heap-growing-percent=50']
/** For `processes/collect-when-quiet.ts`. */
const collecting = '--expose-gc'
/**
 * Of glibc: by default each thread has an arena of its own, and what is freed in the middle of one stays with the process.
 * With 100 clusters at rest controllers held 194 MiB and the API 232 with two arenas and a threshold of 128 KiB, 241 and 256 without.
 */
const allocator = {
  MALLOC_ARENA_MAX: '2',
  // Both fixed: glibc would let them grow with the largest buffer that was freed. They are above what an HTTP/2 session with 60 watches sends
  // of one change, 145 KB: such buffers mapped anew each time were up to a tenth of what an event cost.
  MALLOC_MMAP_THRESHOLD_: '262144', MALLOC_TRIM_THRESHOLD_: '524288',
}

const maxDelayMs = 10_000
/** Beyond the delay that an API process keeps. */
const graceMs = 10_000
/** What ran longer than this is not ending again and again: it is started at once. */
const steadyMs = 10_000
/** Looks at a silent process before it is ended. Looks are counted and not the time, so that nobody is to blame for a supervisor that stood still. */
const looks = 6

export const supervise = (logs: string, say: (message: string) => void, { shutdownDelayMs, watchdogMs }: { readonly shutdownDelayMs: number; readonly watchdogMs: number }): Supervisor => {
  const children = new Map<string, { spec: ProcessSpec; child: ChildProcess; ended: Promise<void> }>()
  let stopping = false

  const launch = (spec: ProcessSpec, delayMs: number, ready: () => void): void => {
    const log = createWriteStream(join(logs, `${spec.name}.log`), { flags: 'a', mode: 0o600 })
    const child = spawn(process.execPath, ['--enable-source-maps', ...heap, collecting, ...spec.args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'], env: { ...allocator, ...process.env } })
    child.stdout?.pipe(log)
    child.stderr?.pipe(log)
    let silent = 0
    // What is still starting may take its time.
    child.on('message', (m) => { silent = 0; if (m === 'ready') { watch(); ready() } })
    let watching: NodeJS.Timeout | undefined
    const watch = (): void => {
      if (watchdogMs === 0 || watching !== undefined) return
      watching = setInterval(() => {
        silent += 1
        if (silent < looks) return
        say(`${spec.name} hangs: it has said nothing for ${Math.round(watchdogMs / 1000)} s and is ended`)
        child.kill('SIGKILL')
      }, watchdogMs / looks)
    }
    const startedAt = performance.now()
    const ended = new Promise<void>((done) => {
      child.once('exit', (code, signal) => {
        done()
        clearInterval(watching)
        if (stopping || children.get(spec.name)?.child !== child) return
        const next = performance.now() - startedAt > steadyMs ? 250 : Math.min(delayMs * 2, maxDelayMs)
        say(`${spec.name} ended with ${signal ?? code ?? '?'}; again in ${next} ms`)
        setTimeout(() => { if (!stopping) launch(spec, next, ready) }, next)
      })
    })
    children.set(spec.name, { spec, child, ended })
  }

  const end = async ({ child, ended }: { child: ChildProcess; ended: Promise<void> }): Promise<void> => {
    child.kill('SIGTERM')
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs + shutdownDelayMs)
    await ended
    clearTimeout(timer)
  }

  return {
    start: async (spec) => {
      await mkdir(logs, { recursive: true, mode: 0o700 })
      await new Promise<void>((ready) => launch(spec, 250, ready))
    },
    restart: (name) => { children.get(name)?.child.kill('SIGTERM') },
    replace: async (name) => {
      const old = children.get(name)
      if (old === undefined || stopping) return
      await new Promise<void>((ready) => launch(old.spec, 250, ready))
      await end(old)
    },
    // The last started goes first: controllers before the API before the simulators.
    stop: async () => {
      stopping = true
      for (const [, each] of [...children].toReversed()) await end(each)
    },
    pids: () => Object.fromEntries([...children].flatMap(([name, { child }]) => (child.pid === undefined ? [] : [[name, child.pid]]))),
  }
}
