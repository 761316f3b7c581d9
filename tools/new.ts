/** `./dev new kind|controller|driver-call|story NAME`: begins the change from the one to imitate and prints its checklist. Registers nothing. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { controllerFiles } from './scaffold/controller.ts'
import { kindFiles } from './scaffold/kind.ts'
import { isName } from './scaffold/names.ts'
import { storyFiles } from './scaffold/story.ts'

const shapes: Readonly<Record<string, { readonly files: (name: string) => Readonly<Record<string, string>>; readonly needs?: (name: string) => string; readonly guide: string }>> = {
  kind: { files: kindFiles, guide: 'docs/guides/new-kind.md' },
  controller: { files: controllerFiles, needs: (name) => `src/api/${name}/index.ts`, guide: 'docs/guides/new-controller.md' },
  // A call is a line in files that are there: nothing to begin.
  'driver-call': { files: () => ({}), guide: 'docs/guides/new-driver-call.md' },
  story: { files: storyFiles, guide: 'e2e/README.md' },
}

/** Answers the exit code. */
export const begin = (root: string, [what = '', name = '']: readonly string[], say: (text: string) => void): number => {
  const shape = Object.hasOwn(shapes, what) ? shapes[what] : undefined
  if (shape === undefined || name === '') { say(`usage: ./dev new ${Object.keys(shapes).join('|')} NAME`); return 2 }
  if (!isName(name)) { say(`${name}: lower-case words joined by -, at most 30 characters`); return 2 }
  const files = Object.entries(shape.files(name))
  const taken = files.map(([file]) => dirname(file)).find((folder) => existsSync(join(root, folder)))
  if (taken !== undefined) { say(`${taken} is there already; nothing was written`); return 1 }
  const needed = shape.needs?.(name)
  if (needed !== undefined && !existsSync(join(root, needed))) { say(`there is no ${needed}: ./dev new kind ${name} comes first; nothing was written`); return 1 }
  for (const [file, text] of files) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
    say(`wrote ${file}`)
  }
  say(`\n${readFileSync(join(root, shape.guide), 'utf8').trimEnd()}`)
  return 0
}

if (import.meta.main) process.exitCode = begin(join(import.meta.dirname, '..'), process.argv.slice(2), (text) => console.log(text))
