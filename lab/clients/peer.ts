/** `node peer.ts ready DIR URL TOKEN`: waits until the kube-apiserver of DIR answers, makes our kinds known to it, writes DIR/peer.json. `kubeconfig DIR`: writes that as DIR/kubeconfig. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kinds } from '../../src/api/index.ts'
import { define } from '../../testkit/differential/definitions.ts'
import { openPeer, readPeer, type Subject } from '../../testkit/differential/subject.ts'

const waitMs = 120_000
const [verb, folder, url, token] = process.argv.slice(2)
const usage = 'usage: node peer.ts ready DIR URL TOKEN | kubeconfig DIR'
if (folder === undefined) throw new Error(usage)

/** Its certificate is written when it starts, and its own authority. */
const open = async (url: string, token: string): Promise<{ readonly peer: Subject; readonly ca: string }> => {
  const end = Date.now() + waitMs
  for (;;) {
    try {
      const ca = await readFile(join(folder, 'certs/apiserver.crt'), 'utf8')
      const peer = openPeer({ url, token, ca })
      if ((await peer.ask({ method: 'GET', path: '/readyz' })).code === 200) return { peer, ca }
      await peer.close()
    } catch (error) {
      if (Date.now() > end) throw new Error(`no answer from ${url} after ${waitMs / 1000} s`, { cause: error })
    }
    await sleep(300)
  }
}

if (verb === 'kubeconfig') {
  const { url: server, token: secret, ca } = await readPeer(join(folder, 'peer.json'))
  await writeFile(join(folder, 'kubeconfig'), JSON.stringify({
    apiVersion: 'v1', kind: 'Config', 'current-context': 'peer', contexts: [{ name: 'peer', context: { cluster: 'peer', user: 'admin' } }],
    clusters: [{ name: 'peer', cluster: { server, 'certificate-authority-data': Buffer.from(ca).toString('base64') } }], users: [{ name: 'admin', user: { token: secret } }],
  }), { mode: 0o600 })
} else if (verb === 'ready' && url !== undefined && token !== undefined) {
  const { peer, ca } = await open(url, token)
  await define(peer, kinds)
  await peer.close()
  await writeFile(join(folder, 'peer.json'), JSON.stringify({ url, token, ca }), { mode: 0o600 })
} else throw new Error(usage)
