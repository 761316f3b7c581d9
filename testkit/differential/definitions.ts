/** Makes kinds known to a kube-apiserver, through its API. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kind } from '../../src/api/meta/index.ts'
import { crdOf } from '../../tools/reference/crds.ts'
import type { Answer, Subject } from './subject.ts'

const waitMs = 60_000

const until = async (what: string, ask: () => Promise<Answer>, holds: (a: Answer) => boolean): Promise<void> => {
  const end = Date.now() + waitMs
  for (;;) {
    const answer = await ask()
    if (holds(answer)) return
    if (Date.now() > end) throw new Error(`${what} is not served after ${waitMs / 1000} s: ${JSON.stringify(answer.body?.status ?? answer.body)}`)
    await sleep(200)
  }
}

/** Answers when all are served. Again: nothing changes. */
export const define = async (peer: Subject, kinds: readonly Kind<any>[]): Promise<void> => {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  for (const kind of kinds) {
    const crd = crdOf(kind)
    const { code, body } = await peer.ask({ method: 'PATCH', path: `${definitions}/${crd.metadata.name}?fieldManager=skerry-lab&force=true`, type: 'application/apply-patch+yaml', body: crd })
    if (code >= 300) throw new Error(`${crd.metadata.name}: ${body?.message ?? code}`)
  }
  for (const kind of kinds) {
    await until(kind.kind, () => peer.ask({ method: 'GET', path: `${definitions}/${kind.plural}.${kind.group}` }), ({ body }) => body?.status?.conditions?.some((c: { type: string; status: string }) => c.type === 'Established' && c.status === 'True') === true)
    await until(kind.kind, () => peer.ask({ method: 'GET', path: `/apis/${kind.group}/${kind.version}/${kind.plural}` }), ({ code }) => code === 200)
  }
}
