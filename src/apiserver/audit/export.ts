/** Serves the whole chain as lines, to verify and to keep: `src/rules/audit-chain.ts` says what they are. */
import type { ServerResponse } from 'node:http'
import { firstPrevious, type ChainLine, type SignedCheckpoint } from '../../rules/audit-chain.ts'
import type { Audit } from '../../store/audit.ts'
import type { RequestInfo } from '../request.ts'
import { commonHeaders, drained, patience } from '../respond.ts'
import { badRequest } from '../status.ts'

/** What says whose the chain is. */
export interface ChainIdentity {
  readonly installation: string
  /** Public keys of checkpoints, PEM. */
  readonly keys: readonly string[]
  /** The last checkpoint that is kept outside the database, of now if possible; undefined: there was none yet. */
  readonly remembered: () => Promise<SignedCheckpoint | undefined>
}

const atOnce = 1_000
const sealAtOnce = 5_000

/** Until all that was written before the call is linked. */
export const sealAll = async (audit: Audit): Promise<void> => { while ((await audit.seal(sealAtOnce)).linked === sealAtOnce); }

/** The chain above a position, to `last` or to its end as it is now, with every checkpoint for it. */
export async function* chainLines(audit: Audit, identity: ChainIdentity, after: number | undefined, last?: number): AsyncGenerator<readonly ChainLine[]> {
  // Before the end is looked at, so that it never lies beyond it.
  const remembered = await identity.remembered()
  await sealAll(audit)
  const head = last === undefined ? (await audit.seal(1)).head : (await audit.links(last - 1, 1)).find((l) => l.position === last)
  if (head === undefined) throw badRequest(`there is no record ${last}`)
  const archives = await audit.archives()
  const archived = archives.at(-1)
  const from = after ?? archived?.last ?? 0
  const previous = from === 0 ? firstPrevious : from === archived?.last ? archived.hash : (await audit.links(from - 1, 1)).find((l) => l.position === from)?.hash
  if (previous === undefined) throw badRequest(`after: Invalid value: "${from}": ${archived !== undefined && from < archived.last ? `records up to ${archived.last} are archived (${archived.file})` : 'there is no such record'}`)
  // Before the records: it is compared when its place comes, and tells an end that was cut off.
  yield [{ type: 'start', installation: identity.installation, after: from, previous, keys: identity.keys }, ...(remembered === undefined ? [] : [{ type: 'checkpoint', ...remembered } as const])]
  const checkpoints = (await audit.checkpoints(from)).filter((c) => c.body !== remembered?.body)
  const due = (position: number): ChainLine[] => {
    const lines: ChainLine[] = []
    while (checkpoints[0] !== undefined && checkpoints[0].position <= position) { const { body, signature } = checkpoints.shift()!; lines.push({ type: 'checkpoint', body, signature }) }
    return lines
  }
  for (let at = from; at < head.position;) {
    const links = (await audit.links(at, atOnce)).filter((l) => l.position <= head.position)
    if (links.length === 0) break
    yield links.flatMap((l): ChainLine[] => [{ type: 'record', position: l.position, version: l.version, hash: l.hash, record: l.record ?? null }, ...due(l.position)])
    at = links.at(-1)!.position
  }
  // Of a chain to its end those that lie beyond it are told, too.
  yield [...due(last ?? Number.MAX_SAFE_INTEGER), { type: 'end', position: head.position, hash: head.hash }]
}

/** GET /audit/export?after=POSITION: one JSON value a line. */
export const exportChain = async (audit: Audit, identity: ChainIdentity, r: RequestInfo, response: ServerResponse): Promise<void> => {
  const text = r.query.get('after')
  if (text !== null && !/^\d{1,15}$/.test(text)) throw badRequest(`after: Invalid value: "${text.slice(0, 40)}": must be a position`)
  for await (const lines of chainLines(audit, identity, text === null ? undefined : Number(text))) {
    if (response.destroyed) return
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-ndjson', ...commonHeaders } as never)
    if (!response.write(lines.map((l) => `${JSON.stringify(l)}\n`).join(''))) await drained(response, patience)
  }
  response.end()
}
