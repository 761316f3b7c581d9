/** docs/reference/api.md: the paths of each kind with what they answer, from what the API server serves. */
import { kinds } from '../../src/api/index.ts'
import type { Kind } from '../../src/api/meta/index.ts'
import { subresources } from '../../src/server/subresources.ts'
import { made, page, table } from './text.ts'

/** Names only: nothing is called. */
const extras = Object.keys(subresources(undefined as never, undefined as never, undefined as never, undefined as never))

const rowsOf = (kind: Kind<any>): readonly (readonly string[])[] => {
  const root = `/apis/${kind.group}/${kind.version}`
  const list = `${root}${kind.namespaced ? '/namespaces/PROJECT' : ''}/${kind.plural}`
  const isOurs = kind.writers.spec !== 'user'
  return [
    ...(kind.namespaced ? [[`\`${root}/${kind.plural}\``, 'GET', 'list or watch, all projects']] : []),
    [`\`${list}\``, isOurs ? 'GET, DELETE' : 'GET, POST, DELETE', isOurs ? 'list or watch, delete many' : 'list or watch, create, delete many'],
    [`\`${list}/NAME\``, isOurs ? 'GET, DELETE' : 'GET, PUT, PATCH, DELETE', isOurs ? 'one object; its spec is the site\'s' : 'one object'],
    ...(kind.status === undefined ? [] : [[`\`${list}/NAME/status\``, 'GET', `its status; written by the ${kind.writers.status} only`]]),
    ...(kind.scale === undefined ? [] : [[`\`${list}/NAME/scale\``, 'GET, PUT, PATCH', 'as autoscaling/v1 Scale']]),
    ...extras.filter((name) => name.startsWith(`${kind.plural}/`)).map((name) => [`\`${list}/NAME/${name.slice(kind.plural.length + 1)}\``, 'POST', 'answers what was asked for; nothing secret is stored in the object']),
  ]
}

export const apiPage = (): string => page(
  '# API', made('src/api and src/server/subresources.ts'),
  'Kubernetes\' own conventions: JSON or YAML, `PATCH` with a JSON patch, a merge patch or server-side apply, `resourceVersion`, `?watch`, `?limit`, `?labelSelector`, `?fieldSelector`, `?dryRun=All`. What an option does not know is an error. Fields: [kinds.md](kinds.md). The machine-readable form is at `/openapi/v3`.',
  ...kinds.map((kind) => `## ${kind.kind}\n${table(['path', 'methods', 'what'], rowsOf(kind))}`),
  `## Besides\n${table(['path', 'what'], [
    ['`/api/v1/namespaces`', 'projects, as Kubernetes clients know them'], ['`/api/v1/events`, `/apis/events.k8s.io/v1/events`', 'what happened to objects, for a day'], ['`/apis/coordination.k8s.io/v1/namespaces/PROJECT/leases`', 'leases, for leader election'],
    ['`/apis/authorization.k8s.io/v1/selfsubjectaccessreviews`, `…/selfsubjectrulesreviews`, `/apis/authentication.k8s.io/v1/selfsubjectreviews`', 'may I, what may I, who am I'],
    ['`/api`, `/apis`, `/openapi/v3`, `/version`', 'discovery'], ['`/livez`, `/readyz`', 'health, without a certificate'], ['`/metrics`', 'for Prometheus; the controllers\' are at `http://127.0.0.1:N/metrics` with `serve --metrics-port N`'],
  ])}`,
)
