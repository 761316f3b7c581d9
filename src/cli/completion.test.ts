import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { completion } from './completion.ts'
import { buildProgram } from './program.ts'
import { contextOf } from './testing.ts'

const program = buildProgram(contextOf({ resources: () => { throw new Error('completion needs no server') }, argv: [], out: [], err: [] }))

/** What bash offers behind these words. */
const offered = async (...words: string[]): Promise<readonly string[]> => {
  const script = `${completion(program, 'bash')}\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _skerry; printf '%s\\n' "\${COMPREPLY[@]}"`
  return (await promisify(execFile)('bash', ['-c', script, 'bash', ...words])).stdout.split('\n').filter((w) => w !== '')
}

test('bash offers commands, then their options, whatever stands between', async () => {
  expect(await offered('skerry', 'clu')).toEqual(['cluster'])
  expect(await offered('skerry', 'cluster', 'k')).toEqual(['kubeconfig'])
  expect(await offered('skerry', '-n', 'demo', 'cluster', 'create', 'shop', '--machine')).toEqual(['--machine-type'])
  expect(await offered('skerry', 'cluster', 'secrets', 'e')).toEqual(['export'])
  expect(await offered('skerry', 'pool', 'ls', '--cl')).toEqual(['--cluster'])
  expect(await offered('skerry', 'nonsense', 'clu')).toEqual(['cluster'])
})

test.each(['bash', 'zsh', 'fish'])('completion for %s knows every command', (shell) => {
  const text = completion(program, shell)
  expect(program.commands.flatMap((c) => [c.name(), ...c.commands.map((s) => s.name())]).filter((name) => !text.includes(name))).toEqual([])
})
