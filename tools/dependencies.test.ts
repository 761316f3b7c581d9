/** Packages: each has its reason on the page and somebody who needs it, exact versions, and a lock file that any registry can serve. */
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { importsOf } from './layers/imports.ts'

const root = join(import.meta.dirname, '..')
const read = (file: string): string => readFileSync(join(root, file), 'utf8')
const manifest = JSON.parse(read('package.json')) as Readonly<Record<'dependencies' | 'devDependencies' | 'optionalDependencies', Readonly<Record<string, string>>>>
const names = [manifest.dependencies, manifest.devDependencies, manifest.optionalDependencies].flatMap((list) => Object.keys(list))

test('versions are exact', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))).toEqual([])
})

test('the lock file names no registry', () => {
  const { packages } = JSON.parse(read('package-lock.json')) as { readonly packages: Readonly<Record<string, { readonly resolved?: string }>> }
  expect(Object.entries(packages).filter(([, entry]) => entry.resolved !== undefined).map(([name]) => name)).toEqual([])
})

test('every package has its reason in docs/decisions/0003-dependencies.md, and no other is there', () => {
  const listed = read('docs/decisions/0003-dependencies.md').split('\n').filter((line) => line.startsWith('| `')).flatMap((line) => [...line.split('|')[1]!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!))
  const covers = (pattern: string, name: string): boolean => (pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern)
  expect(names.filter((name) => !listed.some((pattern) => covers(pattern, name)))).toEqual([])
  expect(listed.filter((pattern) => !names.some((name) => covers(pattern, name)))).toEqual([])
})

test('every package that the program carries is imported by it, and every import is listed', () => {
  const sources = globSync('{src,testkit,e2e,lab,bench,tools}/**/*.ts', { cwd: root, exclude: (name) => name === 'node_modules' })
  const packageOf = (specifier: string): string => specifier.split('/').slice(0, specifier.startsWith('@') ? 2 : 1).join('/')
  const imported = new Set(sources.flatMap((file) => importsOf(read(file)).map((i) => i.specifier)).filter((specifier) => !/^(\.|node:)/.test(specifier)).map(packageOf))
  expect(Object.keys(manifest.dependencies).filter((name) => !imported.has(name))).toEqual([])
  expect([...imported].filter((name) => !names.includes(name))).toEqual([])
})
