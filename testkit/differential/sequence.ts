/** A sequence of requests about one kind, and how it is sent to two servers in step. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Kind } from '../../src/api/meta/index.ts'
import { compare } from './compare.ts'
import { normaliser, type Comparable } from './normalise.ts'
import type { Answer, Request, Subject } from './subject.ts'

type Seen = readonly Answer[]
export interface Step {
  /** As differences are reported: `PATCH apply`. */
  readonly what: string
  readonly method: string
  /** Behind the collection's path: an object, a subresource, the query. What depends on earlier answers takes those of the same server. */
  readonly path: string | ((seen: Seen) => string)
  readonly type?: string
  readonly accept?: string
  readonly body?: unknown
  /** A list is read to its end, page by page; the answer is all of it. Where pages end is not compared: with a selector theirs may give a token for nothing. */
  readonly toEnd?: true
  readonly isWatch?: true
  /** The path is the server's, not the collection's. */
  readonly isAbsolute?: true
  /** Asked again until this holds, for some seconds. */
  readonly until?: (answer: Answer) => boolean
  /** What of the answer is compared; absent: all. */
  readonly pick?: (body: any) => unknown
}
export interface Sequence {
  readonly name: string
  readonly kind: Kind<any>
  readonly steps: readonly Step[]
  readonly isGenerated?: true
}
export interface Difference {
  readonly sequence: string
  /** From 1. */
  readonly step: number
  /** `PATCH apply: metadata.generation: 2 ≠ 1`, ours first. */
  readonly text: string
}

const requestOf = (step: Step, collection: string, seen: Seen): Request => ({
  method: step.method, type: step.type, accept: step.accept, path: `${step.isAbsolute === true ? '' : collection}${typeof step.path === 'function' ? step.path(seen) : step.path}`, body: typeof step.body === 'function' ? (step.body as (s: Seen) => unknown)(seen) : step.body,
})

const patienceMs = 20_000
const askUntil = async (subject: Subject, request: Request, holds: (answer: Answer) => boolean): Promise<Answer> => {
  for (const end = Date.now() + patienceMs; ;) {
    const answer = await subject.ask(request)
    if (holds(answer) || Date.now() > end) return answer
    await sleep(100)
  }
}
const pagesAtMost = 20
const askToEnd = async (subject: Subject, request: Request): Promise<Answer> => {
  const pages: Answer[] = []
  for (let token: string | undefined; pages.length < pagesAtMost;) {
    const page = await subject.ask({ ...request, path: `${request.path}${token === undefined ? '' : `&continue=${encodeURIComponent(token)}`}` })
    pages.push(page)
    token = page.body?.metadata?.continue
    if (page.code >= 300 || token === undefined || token === '') break
  }
  const last = pages.at(-1)!
  if (last.code >= 300) return last
  const { continue: _, remainingItemCount: __, ...metadata } = last.body.metadata
  const part = last.body.kind === 'Table' ? 'rows' : 'items'
  return { ...last, body: { ...pages[0]!.body, metadata, [part]: pages.flatMap((p) => p.body[part] ?? []) } }
}

export interface Pair { readonly ours: Subject; readonly theirs: Subject }
export interface Outcome { readonly requests: number; readonly differences: readonly Difference[] }

/** A namespace of its own on both; kinds of the whole installation begin with none of theirs. */
const collectionFor = async ({ ours, theirs }: Pair, { group, version, plural, namespaced }: Kind<any>, namespace: string): Promise<string> => {
  const root = `/apis/${group}/${version}`
  const begin: Request = namespaced ? { method: 'POST', path: '/api/v1/namespaces', body: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } } } : { method: 'DELETE', path: `${root}/${plural}` }
  for (const subject of [ours, theirs]) {
    const { code, body } = await subject.ask(begin)
    if (code >= 300) throw new Error(`${subject.name}: ${begin.method} ${begin.path}: ${body?.message ?? code}`)
  }
  return namespaced ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`
}

/** Watches that stand beside each other last as long as one. */
const atOnce = (steps: readonly Step[]): readonly (readonly Step[])[] => steps.reduce<Step[][]>((groups, step) => {
  const last = groups.at(-1)
  if (last !== undefined && step.isWatch === true && last[0]!.isWatch === true) last.push(step)
  else groups.push([step])
  return groups
}, [])

/** Leaves off where one wrote and the other did not, a generated one at the first difference: what comes after says nothing new. */
export const runSequence = async (pair: Pair, sequence: Sequence, namespace: string): Promise<Outcome> => {
  const collection = await collectionFor(pair, sequence.kind, namespace)
  const sides = [pair.ours, pair.theirs].map((subject) => ({ subject, seen: [] as Answer[], normal: normaliser() }))
  const differences: Difference[] = []
  let requests = 0
  for (const steps of atOnce(sequence.steps)) {
    const [ours, theirs] = await Promise.all(sides.map(async ({ subject, seen, normal }) => {
      const answers = await Promise.all(steps.map((step) => {
        const request = requestOf(step, collection, seen)
        return step.toEnd === true ? askToEnd(subject, request) : askUntil(subject, request, step.until ?? (() => true))
      }))
      seen.push(...answers)
      return answers.map((answer, i) => normal({ ...answer, body: (steps[i]!.pick ?? ((b: unknown) => b))(answer.body) }))
    })) as [Comparable[], Comparable[]]
    for (const [i, step] of steps.entries()) {
      requests++
      differences.push(...compare(ours[i]!, theirs[i]!).map((line) => ({ sequence: sequence.name, step: requests, text: `${step.what}: ${line}` })))
    }
    const parts = steps[0]!.method !== 'GET' && ours[0]!.code < 300 !== theirs[0]!.code < 300
    if (parts || (sequence.isGenerated === true && differences.length > 0)) break
  }
  return { requests, differences }
}
