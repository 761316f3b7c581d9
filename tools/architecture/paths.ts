/** Paths that the documents name, so that none outlives its file. */
import { existsSync, globSync } from 'node:fs'
import { dirname, join } from 'node:path'

export interface Named { readonly path: string; readonly line: number }

/** Paths in backticks that begin with one of `tops`, and targets of relative links. Not: placeholders (`<kind>`, `NAME`, `…`), code blocks, anchors, URLs. */
export function pathsIn(page: string, tops: readonly string[]): readonly Named[] {
  const found: Named[] = []
  let fenced = false
  page.split('\n').forEach((text, i) => {
    if (/^\s*(```|~~~)/.test(text)) fenced = !fenced
    if (fenced) return
    for (const [, code] of text.matchAll(/`([^`]+)`/g)) {
      const path = code!.replace(/^\.\//, '').replace(/:\d+$/, '')
      if (path.includes('/') && tops.includes(path.split('/')[0]!) && !/[\s<>…{}$()|]|\b[A-Z]{4,}\b(?!\.md)/.test(path)) found.push({ path, line: i + 1 })
    }
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) if (!/^([a-z]+:|#)/.test(target!)) found.push({ path: `link:${target!.replace(/#.*$/, '')}`, line: i + 1 })
  })
  return found
}

/** Names that lead nowhere, as `file:line: path`. A path may be a pattern with `*`. */
export function goneIn(root: string, file: string, page: string, tops: readonly string[]): readonly string[] {
  return pathsIn(page, tops).filter(({ path }) => {
    if (path.startsWith('link:')) return !existsSync(join(root, dirname(file), path.slice(5)))
    return path.includes('*') ? globSync(path, { cwd: root }).length === 0 : !existsSync(join(root, path)) && !existsSync(join(root, dirname(file), path))
  }).map(({ path, line }) => `${file}:${line}: ${path.replace(/^link:/, '')}`)
}
