import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { begin } from './new.ts'
import { camel, isName, pascal, plural } from './scaffold/names.ts'

const root = join(import.meta.dirname, '..')
let folder = ''
const run = (...argv: string[]): { readonly code: number; readonly said: string } => {
  const said: string[] = []
  return { code: begin(folder, argv, (text) => said.push(text)), said: said.join('\n') }
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'new-'))
  for (const part of ['src', 'e2e', 'docs', 'tsconfig.json', 'package.json', 'vitest.config.ts']) cpSync(join(root, part), join(folder, part), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
})
afterAll(() => rmSync(folder, { recursive: true }))

test('names follow from one name', () => {
  expect([pascal('node-pool'), camel('node-pool'), plural('node-pool'), plural('backup-policy'), plural('address')]).toEqual(['NodePool', 'nodePool', 'nodepools', 'backuppolicies', 'addresses'])
  expect(['node-pool', 'NodePool', 'a--b', '../x', ''].map(isName)).toEqual([true, false, false, false, false])
})

test('what is begun compiles, its tests pass, and it leaves nothing to fill in', () => {
  expect([run('kind', 'backup-policy'), run('controller', 'backup-policy'), run('story', 'one-cluster')].map((r) => r.code)).toEqual([0, 0, 0])
  const made = globSync('{src,e2e}/**/{backup-policy,one-cluster}/*', { cwd: folder }).toSorted()
  expect(made).toEqual([
    'e2e/one-cluster/README.md', 'e2e/one-cluster/story.ts', 'src/api/backup-policy/backup-policy.test.ts', 'src/api/backup-policy/index.ts',
    'src/controllers/backup-policy/index.ts', 'src/controllers/backup-policy/observe.ts', 'src/controllers/backup-policy/plan.test.ts', 'src/controllers/backup-policy/plan.ts',
  ])
  expect(made.filter((file) => /TODO|FIXME/.test(readFileSync(join(folder, file), 'utf8')))).toEqual([])
  // Only what was made is judged: the rest of the tree has its own tests.
  const { compilerOptions } = JSON.parse(readFileSync(join(folder, 'tsconfig.json'), 'utf8')) as { readonly compilerOptions: object }
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: made.filter((file) => file.endsWith('.ts')) }))
  const tsc = spawnSync('npx', ['--no-install', 'tsc', '--noEmit', '-p', folder], { cwd: root, encoding: 'utf8' })
  expect(tsc.stdout.split('\n').filter((line) => /backup-policy|one-cluster|^error/.test(line))).toEqual([])
  const vitest = spawnSync('npx', ['--no-install', 'vitest', 'run', '--root', folder, 'backup-policy'], { cwd: folder, encoding: 'utf8' })
  expect(vitest.status, vitest.stdout + vitest.stderr).toBe(0)
}, 120_000)

test('what is there is not written over, and a controller needs its kind', () => {
  const before = readFileSync(join(folder, 'src/api/node-pool/index.ts'), 'utf8')
  expect([run('kind', 'node-pool').said, run('controller', 'wish').said]).toEqual(['src/api/node-pool is there already; nothing was written', 'there is no src/api/wish/index.ts: ./dev new kind wish comes first; nothing was written'])
  expect(readFileSync(join(folder, 'src/api/node-pool/index.ts'), 'utf8')).toBe(before)
  expect(existsSync(join(folder, 'src/controllers/wish'))).toBe(false)
})

test('the checklist is printed; what it cannot begin, it says', () => {
  expect(run('driver-call', 'server-tags')).toEqual({ code: 0, said: `\n${readFileSync(join(root, 'docs/guides/new-driver-call.md'), 'utf8').trimEnd()}` })
  expect([run('screen', 'x').code, run('kind').code, run('kind', '../up').code, run('toString', 'x').code]).toEqual([2, 2, 2, 2])
})
