import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { check } from './check.ts'
import { cyclesOf } from './cycles.ts'
import { importsOf } from './imports.ts'
import { lawOf, layerOf } from './law.ts'

const layers = [
  { name: 'api', path: 'src/api', may: [], says: '.' },
  { name: 'engine', path: 'src/engine', may: ['api/meta'], says: '.' },
  { name: 'controllers', path: 'src/controllers', may: ['engine', 'api'], types: ['drivers'], says: '.' },
  { name: 'drivers', path: 'src/drivers', may: [], says: '.' },
  { name: 'sim', path: 'src/drivers/*/sim', may: ['drivers', 'api'], says: '.' },
  { name: 'server', path: 'src/server', may: ['*'], says: '.' },
]
const made: string[] = []
afterEach(() => { for (const folder of made.splice(0)) rmSync(folder, { recursive: true }) })

/** A repository of these files; returns its problems as `file:line: message`. */
function problemsOf(files: Readonly<Record<string, string>>): readonly string[] {
  const root = mkdtempSync(join(tmpdir(), 'layers-'))
  made.push(root)
  const base = { 'src/api/meta/a.ts': 'export const a = 1', 'src/api/b.ts': 'export const b = 1', 'src/drivers/x/d.ts': 'export const d = 1', 'src/drivers/x/sim/s.ts': 'export const s = 1', 'src/server/m.ts': 'export const m = 1' }
  for (const [file, text] of Object.entries({ ...base, ...files, 'layers.json': JSON.stringify({ layers }) })) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  return check(root).map((problem) => `${problem.file}:${problem.line}: ${problem.message}`)
}

test('a layer may import itself and what it lists', () => {
  expect(problemsOf({
    'src/api/c.ts': "import { a } from './meta/a.ts'; export { a }",
    'src/engine/e.ts': "import { a } from '../api/meta/a.ts'; export { a }",
    'src/controllers/c.ts': "import type { d } from '../drivers/x/d.ts'\nimport { b } from '../api/b.ts'; export { b }; export type D = typeof d",
    'src/drivers/x/sim/t.ts': "import { d } from '../d.ts'; export { d }",
    'src/server/s.ts': "import { s } from '../drivers/x/sim/s.ts'; export { s }",
  })).toEqual([])
})

test('a forbidden import is named with its line and with the layers that may be used', () => {
  expect(problemsOf({ 'src/engine/e.ts': "\nimport { d } from '../drivers/x/d.ts'; export { d }" }))
    .toEqual(['src/engine/e.ts:2: engine may not import drivers (src/drivers/x/d.ts); it may import api/meta'])
})

test('a folder of a layer that is listed does not open the rest of the layer', () => {
  expect(problemsOf({ 'src/engine/e.ts': "import { b } from '../api/b.ts'; export { b }" }))
    .toEqual(['src/engine/e.ts:1: engine may not import api (src/api/b.ts); it may import api/meta'])
})

test('types count: import type does not open a layer that is not listed', () => {
  expect(problemsOf({ 'src/api/c.ts': "import type { d } from '../drivers/x/d.ts'; export type D = typeof d" })).toHaveLength(1)
  expect(problemsOf({ 'src/api/c.ts': "export type D = import('../drivers/x/d.ts').d" })).toHaveLength(1)
})

test('what is listed under types is refused as a value', () => {
  expect(problemsOf({ 'src/controllers/c.ts': "import { type d } from '../drivers/x/d.ts'; export type D = typeof d" }))
    .toEqual(['src/controllers/c.ts:1: controllers may import drivers as types only: write `import type` (src/drivers/x/d.ts)'])
  expect(problemsOf({ 'src/controllers/c.ts': "export const load = () => import('../drivers/x/d.ts')" })).toHaveLength(1)
})

test('a simulator is imported by the server and by tests, not by its own driver', () => {
  expect(problemsOf({ 'src/drivers/x/e.ts': "import { s } from './sim/s.ts'; export { s }" }))
    .toEqual(['src/drivers/x/e.ts:1: drivers may not import sim (src/drivers/x/sim/s.ts); it may import itself only'])
  expect(problemsOf({ 'src/drivers/x/e.test.ts': "import { s } from './sim/s.ts'; export { s }" })).toEqual([])
})

test('what stands in testing is a test: it may import what tests may, and only tests import it', () => {
  const support = "import { s } from '../../drivers/x/sim/s.ts'; export { s }"
  expect(problemsOf({ 'src/engine/testing/world.ts': support, 'src/engine/e.test.ts': "import { s } from './testing/world.ts'; export { s }" })).toEqual([])
  expect(problemsOf({ 'src/engine/testing/world.ts': support, 'src/engine/e.ts': "import { s } from './testing/world.ts'; export { s }" }))
    .toEqual(['src/engine/e.ts:1: src/engine/testing/world.ts is for tests; engine may not import it'])
})

test('nobody imports the server, not even a test of another layer', () => {
  expect(problemsOf({ 'src/api/c.test.ts': "import { m } from '../server/m.ts'; export { m }" })).toHaveLength(1)
})

test('a folder of src that is in no layer, and an import without its ending, are problems', () => {
  expect(problemsOf({ 'src/utils/u.ts': 'export const u = 1' })).toEqual(['src/utils/u.ts:1: is in no layer: give its folder a place in layers.json'])
  expect(problemsOf({ 'src/api/c.ts': "import { a } from './meta/a'; export { a }" })).toEqual(['src/api/c.ts:1: imports ./meta/a, which is no file (write the ending)'])
})

test('a cycle is found, also one of types only, and named from its first file', () => {
  expect(problemsOf({ 'src/api/x.ts': "import type { Y } from './y.ts'; export type X = Y", 'src/api/y.ts': "import type { X } from './x.ts'; export type Y = X" }))
    .toEqual(['src/api/x.ts:1: import cycle: src/api/x.ts → src/api/y.ts → src/api/x.ts'])
})

test('cycles: each component gives its shortest, a file that imports itself is one, a diamond is none', () => {
  const graph = (edges: Record<string, string[]>) => cyclesOf(new Map(Object.entries(edges)))
  expect(graph({ a: ['b', 'c'], b: ['d'], c: ['d'], d: [] })).toEqual([])
  expect(graph({ a: ['a'] })).toEqual([['a']])
  expect(graph({ c: ['a'], a: ['b'], b: ['c', 'd'], d: ['b'], e: ['a'] })).toEqual([['b', 'd']])
})

test('imports are read from syntax: text in strings and comments is none', () => {
  expect(importsOf("// import './a.ts'\nconst s = `import './b.ts'`\nexport * from './c.ts'\nexport type * from './d.ts'\nawait import('./e.ts')\nimport './f.ts'"))
    .toEqual([{ specifier: './c.ts', typeOnly: false, line: 3 }, { specifier: './d.ts', typeOnly: true, line: 4 }, { specifier: './e.ts', typeOnly: false, line: 5 }, { specifier: './f.ts', typeOnly: false, line: 6 }])
})

test('the layer of a file is the most specific one', () => {
  const law = lawOf(JSON.stringify({ layers }))
  expect(['src/drivers/x/d.ts', 'src/drivers/x/sim/s.ts', 'src/drivers/sim.ts', 'vitest.config.ts'].map((file) => layerOf(law, file)?.name)).toEqual(['drivers', 'sim', 'drivers', undefined])
})

test('a law that names a layer which is not there, or two that may import each other, is refused', () => {
  expect(() => lawOf(JSON.stringify({ layers: [{ name: 'a', path: 'a', may: ['b'], says: '.' }] }))).toThrow('which is no layer')
  expect(() => lawOf(JSON.stringify({ layers: [{ name: 'a', path: 'a', may: ['b'], says: '.' }, { name: 'b', path: 'b', may: ['a'], says: '.' }] }))).toThrow('may import each other')
})

test('the repository obeys its law', () => {
  expect(check(join(import.meta.dirname, '../..'))).toEqual([])
})
