/** `node e2e/kubectl/run.ts`: unmodified kubectl against a server that this starts, over TLS and HTTP/2. Ends with 1 when a check failed. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { newAuthority } from '../../src/apiserver/testing/certificates.ts'
import { startLab, type LabServer } from '../../src/apiserver/testing/lab-server.ts'
import { checkAccess } from './access.ts'
import { checks, moreChecks, type Check } from './checks.ts'
import { findKubectl } from './find.ts'

const say = (line: string): void => { process.stdout.write(`${line}\n`) }

const output = (binary: string, c: Check, env: Readonly<Record<string, string>>): Promise<string> => new Promise((done) => {
  const child = execFile(binary, [...c.args], { env: { ...process.env, ...env, ...c.env }, timeout: c.forMs ?? 30_000, encoding: 'utf8' }, (_error, stdout, stderr) => done(stdout + stderr))
  child.stdin?.end(c.input ?? '')
})

/** Objects of the lab live in the namespace default. */
const makeDefault = async (lab: LabServer): Promise<void> => {
  const body = JSON.stringify({ apiVersion: 'skerry.dev/v1alpha1', kind: 'Project', metadata: { name: 'default', uid: 'default', creationTimestamp: new Date().toISOString() }, spec: {} })
  await lab.store.commit({ operations: [{ key: { resource: 'projects.skerry.dev', namespace: '', name: 'default' }, expect: 'absent', row: { resource: 'projects.skerry.dev', namespace: '', name: 'default', uid: 'default', body, labels: {}, ownerUids: [], finalizers: [], deleting: false } }] })
}

export const run = async (): Promise<number> => {
  const found = findKubectl(process.env['KUBECTL'])
  if (found.kind === 'missing') {
    say(`SKIPPED: ${found.why}`)
    return 2
  }
  const authority = await newAuthority()
  const serving = await authority.serving()
  const lab = await startLab({ tls: { cert: serving.cert, key: serving.key, clientCa: authority.cert } })
  const home = await mkdtemp(join(tmpdir(), 'skerry-kubectl-'))
  try {
    await makeDefault(lab)
    const kubeconfig = join(home, 'kubeconfig')
    await writeFile(kubeconfig, JSON.stringify({
      apiVersion: 'v1', kind: 'Config', 'current-context': 'lab', clusters: [{ name: 'lab', cluster: { server: lab.listening.url, 'certificate-authority-data': Buffer.from(authority.cert).toString('base64') } }],
      users: [{ name: 'lab', user: { token: 'admin' } }], contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'lab', namespace: 'default' } }],
    }))
    const n = `kc-${process.pid}`
    let failed = 0
    let kept = ''
    const one = async (c: Check): Promise<boolean> => {
      const begun = performance.now()
      const text = await output(found.binary, { ...c, ...(c.input !== undefined && { input: c.input.replaceAll('%KEPT%', kept) }) }, { KUBECONFIG: kubeconfig, HOME: home })
      if (c.keep === true) kept = text
      const isOk = c.want.test(text)
      say(isOk ? `ok   ${c.what} (${Math.round(performance.now() - begun)} ms)` : `FAIL ${c.what}: ${text.slice(0, 400)}`)
      return isOk
    }
    for (const c of [...checks(n), ...moreChecks(`${n}-m`)]) if (!(await one(c))) failed++
    failed += await checkAccess(kubeconfig, one)
    say(`kubectl ${found.version}: ${failed} failed`)
    return failed === 0 ? 0 : 1
  } finally {
    await lab.close()
    await rm(home, { recursive: true, force: true })
  }
}

if (import.meta.main) process.exit(await run())
