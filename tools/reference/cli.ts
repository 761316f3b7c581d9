/** docs/reference/cli.md: what each command says of itself. */
import type { Command } from 'commander'
import { buildProgram } from '../../src/cli/program.ts'
import { contextOf } from '../../src/cli/testing.ts'
import { made, page } from './text.ts'

const commands = (command: Command, path: string): readonly string[] => [
  `## ${path}\n\`\`\`\n${command.configureHelp({ helpWidth: 110 }).helpInformation().trimEnd()}\n\`\`\``,
  ...command.commands.flatMap((sub) => commands(sub, `${path} ${sub.name()}`)),
]

export const cliPage = (): string => page(
  '# Command line', made('src/cli'), 'Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused by the server, 5 server not reached, 6 took too long.',
  ...commands(buildProgram(contextOf({ resources: () => { throw new Error('help needs no server') }, argv: [], out: [], err: [] })), 'skerry'),
)
