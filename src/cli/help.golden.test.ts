/** Everything that --help says, in one file; `./dev golden` writes it anew. */
import { join } from 'node:path'
import type { Command } from 'commander'
import { expect, test } from 'vitest'
import { buildProgram } from './program.ts'
import { contextOf } from './testing.ts'

const all = (c: Command, path: string): string => [`$ ${path} --help\n${c.configureHelp({ helpWidth: 120 }).helpInformation()}`, ...c.commands.map((s) => all(s, `${path} ${s.name()}`))].join('\n')

test('help is as it was reviewed', async () => {
  const program = buildProgram(contextOf({ resources: () => { throw new Error('help needs no server') }, argv: [], out: [], err: [] }))
  await expect(all(program, 'skerry')).toMatchFileSnapshot(join(import.meta.dirname, 'golden/help.txt'))
})
