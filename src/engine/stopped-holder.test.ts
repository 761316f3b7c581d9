import { fork, type ChildProcess } from 'node:child_process'
import { expect, test } from 'vitest'
import { isTrue } from '../api/meta/index.ts'
import { serveRemote, type Call } from './testing/remote.ts'
import { getShelves, getShop, makeShop, openWorld } from './testing/world.ts'

type Moment = { readonly name: string; readonly before?: (c: Call) => boolean; readonly after?: (c: Call) => boolean }
const moments: readonly Moment[] = [
  { name: 'before the lease is checked', before: (c) => c.what === 'pass' && c.args[0] === 'checking' },
  { name: 'between the check and the request', before: (c) => c.what === 'pass' && c.args[0] === 'sending' },
  { name: 'between the effect and the answer', after: (c) => c.what === 'create' },
]

/** Resolves when it is so; asked again after each of the remote's calls, which never cease. */
const whenSo = (calls: Set<() => void>, isSo: () => Promise<boolean> | boolean): Promise<void> => new Promise((resolve, reject) => {
  let isAsking = false
  const ask = (): void => {
    if (isAsking) return
    isAsking = true
    Promise.resolve(isSo()).then((so) => { isAsking = false; if (so) { calls.delete(ask); resolve() } }, reject)
  }
  calls.add(ask)
})

test.each(moments)('E3 a holder that is stopped for longer than its lease, $name, leaves no double', async (moment) => {
  const w = await openWorld({ isRealTime: true })
  const calls = new Set<() => void>()
  const children: ChildProcess[] = []
  let first: ChildProcess | undefined
  let isStopped = false
  let stop = (): void => {}
  const stopped = new Promise<void>((resolve) => { stop = resolve })
  let hasAskedAgain = false
  const stopNow = (): void => { isStopped = true; first!.kill('SIGSTOP'); stop() }
  const remote = await serveRemote(w.leases, w.warehouse, {
    before(c) {
      for (const call of calls) call()
      if (c.who !== 'first') return
      if (!isStopped && moment.before?.(c) === true) stopNow()
      if (isStopped && c.what === 'acquire') hasAskedAgain = true
    },
    after(c) { if (c.who === 'first' && !isStopped && moment.after?.(c) === true) stopNow() },
  })
  const start = (name: string): ChildProcess => {
    const child = fork(new URL('./testing/process.ts', import.meta.url), [w.url, remote.url, name], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'], execArgv: [] })
    children.push(child)
    return child
  }
  const isSettled = async (): Promise<boolean> => {
    const [s, shelves] = [await getShop(w), await getShelves(w)]
    return s !== undefined && isTrue(s, 'Ready') && shelves.length === 2 && w.warehouse.boards.size === 2 && shelves.every((x) => isTrue(x, 'Ready'))
  }
  try {
    await makeShop(w, 2)
    first = start('first')
    await stopped
    start('second')
    await whenSo(calls, isSettled)
    first.kill('SIGCONT')
    // It asks for the lease again only when its last pass has ended.
    await whenSo(calls, () => hasAskedAgain)
    await whenSo(calls, isSettled)
    expect([...w.warehouse.boards.values()].map((b) => b.mark).toSorted()).toEqual((await getShelves(w)).map((s) => s.metadata.uid).toSorted())
  } finally {
    await Promise.all(children.map((child) => new Promise((resolve) => { child.once('exit', resolve); child.kill('SIGCONT'); child.kill('SIGKILL') })))
    await remote.close()
    await w.close()
  }
}, 120_000)
