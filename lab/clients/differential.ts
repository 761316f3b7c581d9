/** `node differential.ts PEER_JSON [--runs N] [--seed N] [--collecting] [NAME]`: the same requests to our API server and to a kube-apiserver. Ends with 1 when they differ in a way that docs/reference/differences.md does not name. */
import { parseArgs } from 'node:util'
import { kinds } from '../../src/api/index.ts'
import { LabCluster } from '../../src/apiserver/testing/lab-kind.ts'
import { define } from '../../testkit/differential/definitions.ts'
import { readKnown } from '../../testkit/differential/known.ts'
import { differential } from '../../testkit/differential/run.ts'
import { openOurs, openPeer, readPeer } from '../../testkit/differential/subject.ts'

const { values, positionals } = parseArgs({ options: { runs: { type: 'string', default: '100' }, seed: { type: 'string' }, collecting: { type: 'boolean', default: false } }, allowPositionals: true })
const [file, only] = positionals
if (file === undefined) throw new Error('usage: node differential.ts PEER_JSON [--runs N] [--seed N] [--collecting] [NAME]')

const all = [...kinds, LabCluster]
const pair = { ours: await openOurs(all, values.collecting), theirs: openPeer(await readPeer(file)) }
try {
  await define(pair.theirs, all)
  const failed = await differential(pair, await readKnown(), {
    only, isCollecting: values.collecting, runs: Number(values.runs), seed: values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed), say: (line) => { process.stdout.write(`${line}\n`) },
  })
  process.exitCode = failed === 0 ? 0 : 1
} finally {
  await pair.ours.close()
  await pair.theirs.close()
}
