/** Live progress of a cluster: a tree with elapsed times and what each part waits for; plain lines where nobody watches. */
import { condition, isTrue, type Condition } from '../api/meta/index.ts'
import { cliError, type Context } from './context.ts'
import { watching, type View } from './watched.ts'

const dim = (on: boolean, s: string): string => (on ? `\u001b[2m${s}\u001b[0m` : s)
const green = (on: boolean, s: string): string => (on ? `\u001b[32m${s}\u001b[0m` : s)
const red = (on: boolean, s: string): string => (on ? `\u001b[31m${s}\u001b[0m` : s)

const parts = [['InfrastructureReady', 'network'], ['EndpointReady', 'endpoint'], ['ControlPlaneReady', 'control plane'], ['AddOnsReady', 'add-ons']] as const
const isRefused = (c: Condition | undefined): boolean => c?.status === 'False' && c.fault === 'User'

/** `7 s`, `2 min 5 s`. */
const duration = (seconds: number): string => (seconds < 90 ? `${Math.max(0, Math.round(seconds))} s` : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`)
const since = (begin: string | undefined, end: string | number): number => (begin === undefined ? 0 : ((typeof end === 'string' ? Date.parse(end) : end) - Date.parse(begin)) / 1000)

/** Done: how long it took. Not done: for how long it has been so, and what it waits for. */
const line = (colors: boolean, label: string, c: Condition | undefined, begun: string, now: number): string => {
  const mark = c?.status === 'True' ? green(colors, '✓') : isRefused(c) ? red(colors, '✗') : '·'
  const took = c?.status === 'True' ? duration(since(begun, c.lastTransitionTime)) : duration(since(begun, now))
  return `${mark} ${label.padEnd(24)}${took.padStart(12)}  ${c?.status === 'True' ? '' : dim(colors, c === undefined ? 'not begun' : `${c.reason}: ${c.message}`)}`.trimEnd()
}

/** The whole as lines; `now` in ms. */
export const tree = (v: View, now: number, colors: boolean): readonly string[] => {
  const { cluster } = v
  if (cluster === undefined) return []
  const machines = v.machines.toSorted((a, b) => a.spec.role.localeCompare(b.spec.role) || a.metadata.name.localeCompare(b.metadata.name))
  const running = machines.filter((m) => m.status?.phase === 'Running').length
  const begun = cluster.metadata.deletionTimestamp ?? cluster.metadata.creationTimestamp
  return [
    `cluster ${cluster.metadata.name}  ${cluster.metadata.deletionTimestamp === undefined ? '' : 'is being deleted  '}${duration(since(begun, now))}  ${running} of ${machines.length} machines running`,
    ...parts.map(([type, label]) => `  ${line(colors, label, condition(cluster, type), begun, now)}`),
    ...v.pools.map((p) => `  ${line(colors, `pool ${p.metadata.name}`, condition(p, 'Ready'), p.metadata.creationTimestamp, now)}`),
    ...machines.map((m) => `    ${line(colors, m.metadata.name, condition(m, 'Ready'), m.metadata.creationTimestamp, now)}${m.status?.phase === undefined || m.status.phase === 'Running' ? '' : dim(colors, `  ${m.status.phase}`)}`),
  ]
}

export const isReady = (v: View): boolean => v.cluster !== undefined && isTrue(v.cluster, 'Ready') && v.pools.every((p) => isTrue(p, 'Ready') && (p.status?.readyReplicas ?? 0) >= p.spec.replicas)

const redraw = (context: Context, lines: readonly string[], before: number): number => {
  const { terminal } = context
  terminal.err(`${before > 0 ? `\u001b[${before}A\u001b[0J` : ''}${lines.map((l) => l.slice(0, terminal.columns + (terminal.colors ? 20 : 0))).join('\n')}`)
  return lines.length
}

/** How often elapsed times are drawn while nothing happens. */
const redrawMs = 1_000

/** Until the cluster and its pools are Ready (or gone); throws after `timeoutSeconds`. */
export const follow = (context: Context, namespace: string, name: string, until: 'ready' | 'gone', timeoutSeconds: number): Promise<number> => watching(context, namespace, name, async (watched) => {
  const begun = performance.now()
  const { terminal } = context
  const said = new Map<string, string>()
  let drawn = 0
  for (;;) {
    const v = watched.view
    const elapsed = (performance.now() - begun) / 1000
    const lines = tree(v, context.now().getTime(), terminal.colors)
    if (terminal.isTty) drawn = redraw(context, lines, drawn)
    else for (const [type, label] of parts) {
      const c = v.cluster === undefined ? undefined : condition(v.cluster, type)
      const text = c === undefined ? '' : c.status === 'True' ? 'ready' : `${c.reason}: ${c.message}`
      if (text !== '' && !(until === 'gone' && text === 'ready') && said.get(type) !== text && !text.startsWith('Creating')) { said.set(type, text); terminal.err(`${elapsed.toFixed(0).padStart(4)} s  ${label.padEnd(14)} ${text}`) }
    }
    if (until === 'ready' && isReady(v)) return elapsed
    if (until === 'gone' && v.cluster === undefined) return elapsed
    if (until === 'ready' && v.cluster === undefined) throw cliError(`cluster ${name} is gone`, 3)
    if (elapsed >= timeoutSeconds) throw cliError(`cluster ${name} is not ${until} after ${timeoutSeconds} s; skerry cluster get ${name} -n ${namespace} -o yaml says what it waits for`, 6)
    const leftMs = (timeoutSeconds - elapsed) * 1000
    await watched.changed(terminal.isTty ? Math.min(redrawMs, leftMs) : leftMs)
  }
})
