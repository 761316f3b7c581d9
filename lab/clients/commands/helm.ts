/** helm with a chart of our kinds. Releases are kept where HELM_DRIVER says: we serve no Secrets, so beside us it is PostgreSQL. */
import { join } from 'node:path'
import type { Step } from './step.ts'

export const helm = async ({ namespace, bin }: { readonly namespace: string; readonly bin: string }): Promise<readonly Step[]> => {
  const chart = join(import.meta.dirname, '../helm')
  const h = (...args: readonly string[]): readonly string[] => [join(bin, 'helm'), '-n', namespace, ...args]
  const k = (...args: readonly string[]): readonly string[] => [join(bin, 'kubectl'), '-n', namespace, ...args]
  const replicas = (wanted: string): Step => ({ what: `the pools have ${wanted} now`, run: k('get', 'np', '-o', 'jsonpath={range .items[*]}{.metadata.name}={.spec.replicas} {end}'), want: new RegExp(wanted) })
  return [
    { what: 'install --dry-run=server', run: h('install', 'fleet', chart, '--dry-run=server'), want: /kind: NodePool/ },
    { what: 'install --wait', run: h('install', 'fleet', chart, '--wait', '--timeout', '60s'), want: /STATUS: deployed/ },
    { what: 'install again', run: h('install', 'fleet', chart), want: /cannot re-?use a name/, code: 1 },
    replicas('fleet-a=1 fleet-b=1'),
    { what: 'list', run: h('list'), want: /fleet\s+\S+\s+1\s+.*deployed/ },
    { what: 'get manifest', run: h('get', 'manifest', 'fleet'), want: /name: fleet-a/ },
    { what: 'status', run: h('status', 'fleet'), want: /REVISION: 1/ },
    { what: 'upgrade', run: h('upgrade', 'fleet', chart, '--set', 'replicas=4', '--wait', '--timeout', '60s'), want: /REVISION: 2/ },
    replicas('fleet-a=4 fleet-b=4'),
    { what: 'upgrade that leaves a pool out', run: h('upgrade', 'fleet', chart, '--set', 'replicas=4,pools={a}', '--wait', '--timeout', '60s'), want: /REVISION: 3/ },
    { what: 'that pool is gone', run: k('wait', 'np/fleet-b', '--for=delete', '--timeout', '20s'), want: /^$|condition met/ },
    { what: 'upgrade over a change by hand', run: ['sh', '-c', `'${join(bin, 'kubectl')}' -n ${namespace} scale np fleet-a --replicas 9 && '${join(bin, 'helm')}' -n ${namespace} upgrade fleet '${chart}' --set replicas=5,pools={a} --force-conflicts`], want: /REVISION: 4/ },
    replicas('fleet-a=5'),
    { what: 'upgrade that does not fit', run: h('upgrade', 'fleet', chart, '--set', 'replicas=-1'), want: /spec\.replicas/, code: 1 },
    { what: 'rollback', run: h('rollback', 'fleet', '1', '--wait', '--timeout', '60s', '--force-conflicts'), want: /Rollback was a success/ },
    replicas('fleet-a=1 fleet-b=1'),
    { what: 'history', run: h('history', 'fleet'), want: /Rollback to 1/ },
    { what: 'uninstall --wait', run: h('uninstall', 'fleet', '--wait', '--timeout', '60s'), want: /uninstalled/ },
    { what: 'all is gone', run: k('get', 'np'), want: /No resources found/ },
  ]
}
