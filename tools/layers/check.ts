/** Checks every import of the repository against layers.json, and that there are no import cycles. */
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { cyclesOf } from './cycles.ts'
import { importsOf } from './imports.ts'
import { lawOf, layerOf, verdict, type Law } from './law.ts'

export interface Problem { readonly file: string; readonly line: number; readonly message: string }

/** `root`: the repository. Empty when all is well. */
export function check(root: string): readonly Problem[] {
  const law = lawOf(readFileSync(join(root, 'layers.json'), 'utf8'))
  const problems: Problem[] = []
  const graph = new Map<string, readonly string[]>()
  for (const file of filesOf(root, law)) {
    const to: string[] = []
    graph.set(file, to)
    if (layerOf(law, file) === undefined) problems.push({ file, line: 1, message: 'is in no layer: give its folder a place in layers.json' })
    for (const { specifier, typeOnly, line } of importsOf(readFileSync(join(root, file), 'utf8'))) {
      if (!specifier.startsWith('.')) continue
      const target = relative(root, resolve(root, dirname(file), specifier))
      if (!existsSync(join(root, target)) || !/\.[a-z]+$/.test(target)) { problems.push({ file, line, message: `imports ${specifier}, which is no file (write the ending)` }); continue }
      to.push(target)
      const message = verdict(law, { from: file, to: target, typeOnly })
      if (message !== undefined) problems.push({ file, line, message })
    }
  }
  for (const cycle of cyclesOf(graph)) problems.push({ file: cycle[0]!, line: 1, message: `import cycle: ${[...cycle, cycle[0]].join(' → ')}` })
  return problems
}

/** Everything below a folder of the law, and all of src, so that a new folder cannot escape. */
function filesOf(root: string, law: Law): readonly string[] {
  const tops = new Set(['src', ...law.map((layer) => layer.path.split('/')[0]!)])
  return [...tops].flatMap((top) => globSync(`${top}/**/*.ts`, { cwd: root, exclude: (name) => name === 'node_modules' })).toSorted()
}
