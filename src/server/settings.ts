/** What `serve` needs to know, read from flags and environment once. The only reader of the environment besides `dev.ts` and `skerry.ts`. */
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'

export interface Settings {
  /** Keys, kubeconfigs, logs, the embedded database. */
  readonly state: string
  readonly host: string
  readonly port: number
  /** Absent: an embedded PostgreSQL under `state`. */
  readonly databaseUrl: string | undefined
  readonly simulators: boolean
  readonly simulatorLatency: 'zero' | 'realistic'
  /** OpenStack projects in each simulated cloud. */
  readonly simulatedProjects: number
  /** Observe, never act (rule H3). */
  readonly readOnly: boolean
  /** Where 127.0.0.1 serves the controllers' metrics; the API's are at its own /metrics. Absent: nowhere. */
  readonly metricsPort: number | undefined
  /** A file that changes the limits of the API's priority levels. Absent: the defaults. */
  readonly limits: string | undefined
  /** Where old audit records go, and after how long; absent: they stay in the database. */
  readonly auditArchive: { readonly directory: string; readonly keepDays: number } | undefined
  /** Processes that serve the API on one port. */
  readonly apiProcesses: number
  /** How long an API process that is to end goes on while /readyz says so: what a load balancer needs to look elsewhere. */
  readonly shutdownDelayMs: number
  /** A process that has not said for so long that it lives hangs: it is ended and started again. 0: never. */
  readonly watchdogMs: number
  readonly logLevel: string
}

export const readSettings = (argv: readonly string[], env: NodeJS.ProcessEnv): Settings => {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      state: { type: 'string' }, host: { type: 'string' }, port: { type: 'string' }, database: { type: 'string' },
      simulators: { type: 'boolean' }, latency: { type: 'string' }, 'simulated-projects': { type: 'string' }, 'read-only': { type: 'boolean' }, 'metrics-port': { type: 'string' },
      'audit-archive': { type: 'string' }, 'audit-keep-days': { type: 'string' },
      'api-processes': { type: 'string' }, 'shutdown-delay': { type: 'string' }, watchdog: { type: 'string' }, limits: { type: 'string' },
    },
  })
  const latency = values.latency ?? 'zero'
  if (latency !== 'zero' && latency !== 'realistic') throw new Error(`--latency ${latency}: zero or realistic`)
  const portOf = (flag: string, text: string): number => {
    const port = Number(text)
    if (text === '' || !Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(`${flag} ${text}: a TCP port`)
    return port
  }
  const limits = values.limits ?? env['SKERRY_LIMITS']
  const numberOf = (flag: string, text: string, least: number): number => {
    const n = Number(text)
    if (text === '' || !Number.isInteger(n) || n < least) throw new Error(`${flag} ${text}: a whole number of at least ${least}`)
    return n
  }
  const directory = values['audit-archive'] ?? env['SKERRY_AUDIT_ARCHIVE']
  const keepDays = numberOf('--audit-keep-days', values['audit-keep-days'] ?? env['SKERRY_AUDIT_KEEP_DAYS'] ?? '90', 1)
  const apiProcesses = numberOf('--api-processes', values['api-processes'] ?? env['SKERRY_API_PROCESSES'] ?? '1', 1)
  if (apiProcesses > 1 && process.platform !== 'linux') throw new Error('--api-processes: only Linux lets several processes share a port')
  const metricsPort = values['metrics-port'] ?? env['SKERRY_METRICS_PORT']
  return {
    state: resolve(values.state ?? env['SKERRY_STATE'] ?? join(process.cwd(), '.skerry')),
    host: values.host ?? env['SKERRY_HOST'] ?? '127.0.0.1', port: portOf('--port', values.port ?? env['SKERRY_PORT'] ?? '7443'), databaseUrl: values.database ?? env['SKERRY_DATABASE_URL'],
    simulators: values.simulators ?? false, simulatorLatency: latency, simulatedProjects: Number(values['simulated-projects'] ?? 1), readOnly: values['read-only'] ?? false,
    auditArchive: directory === undefined ? undefined : { directory: resolve(directory), keepDays },
    apiProcesses, shutdownDelayMs: 1000 * numberOf('--shutdown-delay', values['shutdown-delay'] ?? env['SKERRY_SHUTDOWN_DELAY'] ?? '0', 0), watchdogMs: 1000 * numberOf('--watchdog', values.watchdog ?? env['SKERRY_WATCHDOG'] ?? '60', 0),
    metricsPort: metricsPort === undefined ? undefined : portOf('--metrics-port', metricsPort), limits: limits === undefined ? undefined : resolve(limits), logLevel: env['SKERRY_LOG_LEVEL'] ?? 'info',
  }
}
