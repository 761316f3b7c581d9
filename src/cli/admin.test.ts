import { expect, test } from 'vitest'
import { contextOf } from './testing.ts'
import { buildProgram, runProgram } from './program.ts'

const run = async (yes: boolean, ...argv: string[]) => {
  const [asked, out, err]: [unknown[], string[], string[]] = [[], [], []]
  const context = contextOf({
    resources: () => { throw new Error('no platform is needed') }, argv, out, err, yes,
    database: { newEpoch: async (...args) => { asked.push(args); return { number: 2, ended: 41, base: 4_294_967_337 } }, enableBootstrap: async (...args) => { asked.push(args); return asked.length === 1 && !argv.includes('again') } },
  })
  return { code: await runProgram(buildProgram(context), argv, context), asked, out, err }
}

test('S7 admin new-epoch asks first, and says where versions go on', async () => {
  expect(await run(false, 'admin', 'new-epoch', '--reason', 'restored')).toMatchObject({ code: 2, asked: [] })
  expect(await run(true, 'admin', 'new-epoch', '--reason', 'restored', '--state', '/s')).toEqual({
    code: 0, err: [], asked: [[{ url: undefined, state: '/s' }, 'restored']], out: ['epoch 2 has begun: the one before ended at version 41, versions go on above 4294967337'],
  })
  expect(await run(true, 'admin', 'new-epoch')).toMatchObject({ code: 2, asked: [] })
})

test('A4 admin bootstrap enable goes to the database with its reason, and says when there is nothing to do', async () => {
  expect(await run(false, 'admin', 'bootstrap', 'enable')).toMatchObject({ code: 2, asked: [] })
  expect(await run(false, 'admin', 'bootstrap', 'enable', '--reason', 'locked out', '--state', '/s')).toMatchObject({ code: 0, asked: [[{ url: undefined, state: '/s' }, 'locked out']] })
  expect(await run(false, 'admin', 'bootstrap', 'enable', '--reason', 'again')).toMatchObject({ code: 1 })
})
