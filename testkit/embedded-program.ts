/** For src/store/embedded.test.ts: a program that starts the server in the directory it is given, says so, and goes on until it is killed. */
import { startEmbedded } from '../src/store/embedded.ts'
import { silent } from '../src/store/log.ts'

const { pid } = await startEmbedded({ directory: process.argv[2]!, log: silent })
process.send?.(pid)
setInterval(() => {}, 60_000)
