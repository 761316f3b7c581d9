/** What unmodified kubectl must be able to do with a kind of ours, one command a check, in order. Green against kube-apiserver 1.36 too. */
export interface Check {
  readonly what: string
  /** Matches what the command prints, both streams. */
  readonly want: RegExp
  readonly args: readonly string[]
  /** Read by `-f -`. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** Ends the command after so long: a watch has no end of its own. */
  readonly forMs?: number
  /** What is printed replaces %KEPT% in later inputs. */
  readonly keep?: boolean
}

export const checks = (n: string): readonly Check[] => {
  const object = (site: string, name = n, more: object = {}): string => JSON.stringify({
    apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name, labels: { a: 'b' } }, spec: { ...more, site, pools: [{ name: 'x', size: 1 }] },
  })
  return [
    { what: 'discovery', want: /clusters +skc +lab.skerry.test/, args: ['api-resources', '--api-group', 'lab.skerry.test'] },
    { what: 'OpenAPI v3: explain', want: /replicas/, args: ['explain', 'clusters.lab.skerry.test.spec'] },
    { what: 'client-side apply', want: /created/, args: ['apply', '-f', '-'], input: object('sto1') },
    { what: 'diff sees a change', want: /sto2/, args: ['diff', '-f', '-'], input: object('sto2') },
    { what: 'dry-run=server', want: /configured.*dry run/, args: ['apply', '--dry-run=server', '-f', '-'], input: object('sto2') },
    { what: 'server-side apply conflict', want: /conflict/, args: ['apply', '--server-side', '--field-manager', 'other', '-f', '-'], input: object('sto2') },
    { what: 'force-conflicts', want: /serverside-applied/, args: ['apply', '--server-side', '--field-manager', 'other', '--force-conflicts', '-f', '-'], input: object('sto2') },
    { what: 'Table: printer columns', want: /SITE +REPLICAS +PHASE/, args: ['get', 'skc', n] },
    { what: 'get by category', want: new RegExp(n), args: ['get', 'skerry'] },
    { what: 'label selector', want: new RegExp(n), args: ['get', 'skc', '-l', 'a=b', '-o', 'name'] },
    { what: 'field selector', want: new RegExp(n), args: ['get', 'skc', '--field-selector', `spec.site=sto2,metadata.name=${n}`, '-o', 'name'] },
    { what: 'strict validation', want: /unknown field/, args: ['create', '-f', '-'], input: object('sto1', `${n}-x`, { bogus: 1 }) },
    { what: 'enum/limits answer 422', want: /Invalid value/, args: ['patch', 'skc', n, '--type', 'merge', '-p', '{"spec":{"replicas":-1}}'] },
    { what: 'status subresource', want: /patched/, args: ['patch', 'skc', n, '--subresource', 'status', '--type', 'merge', '-p', '{"status":{"phase":"Ready"}}'] },
    { what: 'wait on jsonpath', want: /condition met/, args: ['wait', `skc/${n}`, '--for', 'jsonpath={.status.phase}=Ready', '--timeout', '5s'] },
    { what: 'scale subresource', want: /scaled/, args: ['scale', 'skc', n, '--replicas', '7'] },
    { what: 'json patch', want: /patched/, args: ['patch', 'skc', n, '--type', 'json', '-p', '[{"op":"replace","path":"/spec/site","value":"osl2"}]'] },
    { what: 'label, annotate', want: /labeled/, args: ['label', 'skc', n, 'c=d'] },
    { what: 'edit through EDITOR', want: /edited/, args: ['edit', 'skc', n], env: { KUBE_EDITOR: 'sed -i s/osl2/sto3/' } },
    { what: 'watch prints rows', want: /sto3/, args: ['get', 'skc', n, '--watch'], forMs: 3_000 },
    { what: 'describe', want: /Site: +sto3/, args: ['describe', 'skc', n] },
    { what: 'auth can-i', want: /^yes/m, args: ['auth', 'can-i', 'create', 'clusters.lab.skerry.test'] },
    { what: 'auth whoami', want: /Username/, args: ['auth', 'whoami'] },
    { what: 'raw readyz', want: /ok/, args: ['get', '--raw', '/readyz'] },
    { what: 'delete waits', want: /deleted/, args: ['delete', 'skc', n, '--timeout', '10s'] },
  ]
}

/** Beyond the 25: what kubectl does with the built-in kinds and with what is not there. */
export const moreChecks = (n: string): readonly Check[] => {
  const object = JSON.stringify({ apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', metadata: { name: n }, spec: { site: 'sto1', tags: ['t'] } })
  const event = JSON.stringify({ apiVersion: 'v1', kind: 'Event', metadata: { name: `${n}.1`, namespace: 'default' }, type: 'Normal', reason: 'Tested', message: 'an event of the lab', involvedObject: { apiVersion: 'lab.skerry.test/v1', kind: 'Cluster', name: n, namespace: 'default', uid: '%KEPT%' }, count: 1, firstTimestamp: new Date().toISOString(), lastTimestamp: new Date().toISOString(), source: { component: 'lab' } })
  return [
    { what: 'version', want: /Server Version: v1\.36/, args: ['version'] },
    { what: 'cluster-info is served', want: /lab\.skerry\.test\/v1/, args: ['api-versions'] },
    { what: 'explain --recursive', want: /FIELDS:[\s\S]*pools/, args: ['explain', 'skc', '--recursive'] },
    { what: 'explain shows descriptions', want: /Where it runs/, args: ['explain', 'skc.spec.site'] },
    { what: 'create namespace', want: /created/, args: ['create', 'namespace', `${n}-ns`] },
    { what: 'get namespaces', want: new RegExp(`${n}-ns +Active`), args: ['get', 'ns'] },
    { what: 'a namespace is a project', want: new RegExp(`${n}-ns`), args: ['get', 'projects.skerry.dev', '-o', 'name'] },
    { what: 'server-side apply creates', want: /serverside-applied/, args: ['apply', '--server-side', '-f', '-'], input: object },
    { what: 'server-side apply again', want: /serverside-applied/, args: ['apply', '--server-side', '-f', '-'], input: object },
    { what: 'managed fields', want: /f:site/, args: ['get', 'skc', n, '-o', 'yaml', '--show-managed-fields'] },
    { what: 'jsonpath output', want: /^[0-9a-f-]{36}$/, args: ['get', 'skc', n, '-o', 'jsonpath={.metadata.uid}'], keep: true },
    { what: 'create event', want: /created/, args: ['create', '-f', '-'], input: event },
    { what: 'describe lists events', want: /an event of the lab/, args: ['describe', 'skc', n] },
    { what: 'events', want: /an event of the lab/, args: ['events', '--for', `clusters.lab.skerry.test/${n}`] },
    { what: 'get events', want: /an event of the lab/, args: ['get', 'events'] },
    { what: 'all namespaces', want: /NAMESPACE +NAME/, args: ['get', 'skc', '-A'] },
    { what: 'wide, labels', want: /LABELS/, args: ['get', 'skc', '--show-labels', '-o', 'wide'] },
    { what: 'not found', want: /NotFound.*not found/, args: ['get', 'skc', 'nothing'] },
    { what: 'missing namespace', want: /not found/, args: ['create', '-n', 'nowhere', '-f', '-'], input: object },
    { what: 'configmap apply twice', want: /configured|created/, args: ['apply', '-f', '-'], input: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: n }, data: { a: '1' } }) },
    { what: 'yaml from a pipe', want: /created/, args: ['create', '-f', '-'], input: `apiVersion: lab.skerry.test/v1\nkind: Cluster\nmetadata:\n  generateName: ${n}-\nspec:\n  site: sto1\n` },
    { what: 'replace', want: /replaced/, args: ['replace', '-f', '-'], input: object },
    { what: 'wait for deletion', want: /deleted/, args: ['delete', 'skc', '--all', '--timeout', '10s'] },
    { what: 'delete namespace', want: /deleted/, args: ['delete', 'ns', `${n}-ns`, '--timeout', '10s'] },
    { what: 'can-i --list', want: /clusters.lab.skerry.test/, args: ['auth', 'can-i', '--list'] },
  ]
}
