/** The cluster that was made, as its users meet it: unmodified kubectl and talosctl, and pods that answer. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

export interface Tenant {
  kubectl(...args: readonly string[]): Promise<string>
  talosctl(...args: readonly string[]): Promise<string>
  apply(...objects: readonly object[]): Promise<void>
}

export function tenantOf({ kubectl, talosctl, kubeconfig, talosconfig, env }: { readonly kubectl: string; readonly talosctl: string; readonly kubeconfig: string; readonly talosconfig: string; readonly env: NodeJS.ProcessEnv }): Tenant {
  const call = async (command: string, args: readonly string[], input?: string): Promise<string> => {
    const promise = run(command, [...args], { env: { ...env, KUBECONFIG: kubeconfig, TALOSCONFIG: talosconfig }, timeout: 60_000 })
    if (input !== undefined) promise.child.stdin?.end(input)
    return (await promise).stdout
  }
  return {
    kubectl: (...args) => call(kubectl, ['--request-timeout=20s', ...args]),
    talosctl: (...args) => call(talosctl, args),
    apply: async (...objects) => { await call(kubectl, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects })) },
  }
}

const on = (node: string) => ({ 'kubernetes.io/hostname': node })
const get = (name: string, node: string, url: string, attempts: number): object => ({
  apiVersion: 'batch/v1', kind: 'Job', metadata: { name, namespace: 'default' },
  spec: { backoffLimit: attempts - 1, template: { spec: { restartPolicy: 'Never', nodeSelector: on(node), containers: [{ name: 'get', image: 'lab/echo:1', command: ['/pause', 'get', url] }] } } },
})

/** A pod that answers HTTP on one node with a Service before it, and one on another node that asks it by the Service's name. */
export function echo(serverNode: string, clientNode: string): readonly object[] {
  return [
    { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'echo', namespace: 'default', labels: { app: 'echo' } }, spec: { nodeSelector: on(serverNode), containers: [{ name: 'echo', image: 'lab/echo:1', command: ['/pause', 'serve', ':8080'] }] } },
    { apiVersion: 'v1', kind: 'Service', metadata: { name: 'echo', namespace: 'default' }, spec: { selector: { app: 'echo' }, ports: [{ port: 80, targetPort: 8080 }] } },
    get('ask', clientNode, 'http://echo.default.svc.cluster.local/', 21),
  ]
}

/** What the second pod was answered; undefined until one attempt has succeeded. */
export async function answer(tenant: Tenant): Promise<string | undefined> {
  const pod = (await tenant.kubectl('get', 'pods', '-l', 'job-name=ask', '--field-selector=status.phase=Succeeded', '-o', 'name')).trim().split('\n')[0]
  if (!pod) throw new Error(await tenant.kubectl('get', 'pods', '-o', 'wide'))
  return (await tenant.kubectl('logs', pod)).trim()
}

/** A pod that asks the cloud's metadata service, as whoever runs a pod could (rule T5). */
export const metadataProbe = (node: string): object => get('metadata', node, 'http://169.254.169.254/openstack', 2)

/** Whether it was answered; undefined while it asks. */
export async function isMetadataReached(tenant: Tenant): Promise<boolean | undefined> {
  const { status } = JSON.parse(await tenant.kubectl('get', 'job', 'metadata', '-o', 'json')) as { status?: { succeeded?: number; conditions?: readonly { type: string; status: string }[] } }
  if ((status?.succeeded ?? 0) > 0) return true
  return status?.conditions?.some((c) => c.type === 'Failed' && c.status === 'True') === true ? false : undefined
}
