/** `node peer.ts ready DIR URL TOKEN`: waits until the kube-apiserver of DIR answers, makes our kinds known to it, writes DIR/peer.json. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { kinds } from '../../src/api/index.ts'
import { define } from '../../testkit/differential/definitions.ts'
import { openPeer, type Subject } from '../../testkit/differential/subject.ts'

const waitMs = 120_000
const [verb, folder, url, token] = process.argv.slice(2)
if (verb !== 'ready' || folder === undefined || url === undefined || token === undefined) throw new Error('usage: node peer.ts ready DIR URL TOKEN')

/** Its certificate is written when it starts, and its own authority. */
const open = async (): Promise<{ readonly peer: Subject; readonly ca: string }> => {
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

const { peer, ca } = await open()
await define(peer, kinds)
await peer.close()
await writeFile(join(folder, 'peer.json'), JSON.stringify({ url, token, ca }), { mode: 0o600 })
