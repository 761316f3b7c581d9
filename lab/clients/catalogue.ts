/** The clients: what each is, what installs it, what runs it. */
import { join } from 'node:path'

export interface Client {
  readonly name: string
  /** What its program does, for the page. */
  readonly what: string
  /** What `install.sh` is asked for. */
  readonly install: string
  /** Prints its version. */
  readonly version: readonly string[]
  /** From the folder of installed clients. */
  readonly run: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
}

const here = import.meta.dirname
const commands = (name: string): readonly string[] => [process.execPath, join(here, 'commands/run.ts'), name]

/** `bin` is the folder of installed programs, and its siblings. */
export const catalogue = (folder: string): readonly Client[] => {
  const bin = (name: string): string => join(folder, 'bin', name)
  const go = (name: string, module: string, what: string): Client => ({ name, what, install: `go-${name}`, version: ['sh', '-c', `sed -nE 's|^\\t${module} (v\\S+).*|\\1|p' '${join(here, 'go/go.mod')}'`], run: [bin(`go-${name}`)] })
  const kubectl = (name: string): Client => ({
    name, install: name, version: ['sh', '-c', `'${bin(name)}' version --client | sed -n 's/^Client Version: //p'`], run: commands('kubectl'), env: { KUBECTL: bin(name) },
    what: 'apply in both ways, diff, prune, get in every format and by watch, wait, scale, edit, label, annotate, patch, replace, delete in three ways, explain, api-resources, events, auth',
  })
  const python = (name: string, module: string, program: string, what: string): Client => ({
    name, what, install: 'python', version: ['sh', '-c', `sed -n 's/^${module}==//p' '${join(here, 'python/requirements.txt')}'`], run: [join(folder, 'python/bin/python'), join(here, 'python', program)],
    // Nothing is written beside the sources.
    env: { PYTHONDONTWRITEBYTECODE: '1' },
  })
  const java = (name: string, module: string, what: string): Client => ({
    name: `java-${name}`, what, install: `java-${name}`, version: ['sh', '-c', `sed -n 's|.*<artifactId>${module}</artifactId><version>\\([^<]*\\)<.*|\\1|p' '${join(here, 'java', name, 'pom.xml')}'`],
    run: ['java', '-cp', `${join(folder, `java-${name}`, 'out')}:${join(folder, `java-${name}`, 'lib')}/*`, 'Client'],
    // fabric8 takes a key in PKCS 8 for RSA unless it is told; ours are EC.
    env: { KUBERNETES_CERTS_CLIENT_KEY_ALGO: 'EC' },
  })
  return [
    kubectl('kubectl'),
    kubectl('kubectl-old'),
    { name: 'helm', install: 'helm', version: [bin('helm'), 'version', '--template', '{{.Version}}'], run: commands('helm'), what: 'install, upgrade, rollback, uninstall of a chart with a cluster and pools, each waited for; releases kept by HELM_DRIVER=sql, because Secrets are not served' },
    { name: 'kustomize', install: 'kustomize', version: ['cat', bin('kustomize.version')], run: commands('kustomize'), what: 'build into apply, server-side apply, diff and delete; kubectl apply -k' },
    { name: 'opentofu', install: 'opentofu', version: ['sh', '-c', `'${bin('tofu')}' version | sed -n 's/^OpenTofu //p'`], run: commands('opentofu'), what: 'with the kubectl provider: plan, apply, no drift on a second plan, drift that is seen and corrected, destroy' },
    go('client-go', 'k8s.io/client-go', 'typed, dynamic, metadata and scale clients, informers by WatchList and by list through a kill -9 of the server, server-side apply, patches, pages, watches, deletion with preconditions and propagation, both event recorders, leader election, discovery, OpenAPI'),
    go('controller-runtime', 'sigs.k8s.io/controller-runtime', 'a manager with leader election that reconciles node pools: cached client, index, status patches, finalizers, owned objects, predicates'),
    go('flux', 'github.com/fluxcd/pkg/ssa', 'Flux\'s apply engine: change sets, drift and its correction, waiting by status, deletion'),
    python('python', 'kubernetes', 'official.py', 'the official client: typed core, dynamic, server-side apply and its conflicts, patches, status, scale, pages, field and label selectors, watch, events, leases, preconditions'),
    python('kopf', 'kopf', 'operator_kopf.py', 'an operator with handlers, index, daemon, finalizer, events, through a kill -9 of the server'),
    { name: 'node', install: 'node', version: ['sh', '-c', `sed -n 's/.*client-node": "\\([^"]*\\)".*/\\1/p' '${join(here, 'node/package.json')}'`], run: [process.execPath, join(folder, 'node/client.mjs')], what: '@kubernetes/client-node: typed and generic clients, server-side apply, patches, status, pages, watch and its abort, informer through a kill -9 of the server, preconditions' },
    { name: 'kube-rs', install: 'rust', version: ['sh', '-c', `sed -n 's/^kube = .*"=\\([^"]*\\)".*/\\1/p' '${join(here, 'rust/Cargo.toml')}'`], run: [bin('rust')], what: 'discovery, server-side apply, patches, status, scale, pages, watchers that list and that stream, a controller with a finalizer through a kill -9 of the server' },
    java('fabric8', 'kubernetes-client', 'generic resources, server-side apply, patches, scale, pages, watch, informer through a kill -9 of the server, events, leader election'),
    java('official', 'client-java', 'dynamic objects, server-side apply, patches, status, pages, informer through a kill -9 of the server, events'),
  ]
}

/** What nobody can be given here; the reasons are the package sources'. */
export const never = [
  { name: 'Argo CD', why: 'the module github.com/argoproj/gitops-engine is not served by the Go module proxy that builds are made from' },
  { name: 'Flux controllers and CLI', why: 'their modules lack generated files or are not served; Flux\'s apply engine is proven as a library' },
  { name: 'hashicorp/kubernetes provider', why: 'no importable version of 2.x or 3.x is served; OpenTofu is proven with the kubectl provider' },
  { name: '.NET KubernetesClient', why: 'there is no .NET SDK on the machines that this is run on' },
]
