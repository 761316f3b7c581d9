import { spawnSync } from 'node:child_process'
import { cpSync, globSync, mkdtempSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { reasons } from '../src/controllers/conditions.ts'
import { buildProgram } from '../src/cli/program.ts'
import { contextOf } from '../src/cli/testing.ts'
import { generated } from './generated.ts'
import { advice } from './reference/advice.ts'
import { commandsIn, exists } from './reference/commands.ts'

const root = join(import.meta.dirname, '..')
const outOfDate = 'is out of date: run ./dev gen and read the difference'

test.each([...generated(root)])('%s is what the code says', (file, text) => {
  expect(readFileSync(join(root, file), 'utf8'), `${file} ${outOfDate}`).toBe(text)
})

test('advice is given for every reason and no other', () => {
  expect(Object.keys(advice).toSorted()).toEqual(Object.keys(reasons).toSorted())
})

test('every command that a document or an advice names exists', () => {
  const program = buildProgram(contextOf({ resources: () => { throw new Error('names need no server') }, argv: [], out: [], err: [] }))
  const pages = globSync('{*.md,docs/**/*.md,src/**/*.md,e2e/**/*.md,lab/**/*.md}', { cwd: root, exclude: (name) => name === 'node_modules' })
  // In prose the name of the program is followed by other words; in backticks and at the start of a line it is a command.
  const code = (text: string): string => [...text.matchAll(/```[\s\S]*?```|`[^`\n]+`/g)].map(([found]) => found.replace(/^\s*\$ /gm, '')).join('\n')
  expect(pages.flatMap((file) => commandsIn(code(readFileSync(join(root, file), 'utf8'))).filter((words) => words !== 'serve' && !exists(program, words)).map((words) => `${file}: skerry ${words}`))).toEqual([])
  expect(['cluster get NAME', 'cluster shrink', 'completion bash'].map((words) => exists(program, words))).toEqual([true, false, true])
})

test('the messages of Talos are what the .proto files say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'proto-'))
  const place = 'src/drivers/talos/proto'
  const texts = (at: string) => Object.fromEntries(globSync('gen/**/*.ts', { cwd: join(at, place) }).toSorted().map((file) => [file, readFileSync(join(at, place, file), 'utf8')]))
  try {
    mkdirSync(join(folder, place), { recursive: true })
    cpSync(join(root, place), join(folder, place), { recursive: true })
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
    const ran = spawnSync('sh', [join(folder, place, 'generate.sh')], { encoding: 'utf8', env: { ...process.env, PATH: `${join(process.execPath, '..')}:${process.env['PATH'] ?? ''}` } })
    expect(ran.status, ran.stderr).toBe(0)
    expect(texts(root), outOfDate).toEqual(texts(folder))
  } finally {
    rmSync(folder, { recursive: true })
  }
})
