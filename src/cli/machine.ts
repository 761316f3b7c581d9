/** skerry machine …: one server, node and Node, seen as one thing. */
import type { Command } from 'commander'
import { Machine } from '../api/index.ts'
import type { Context } from './context.ts'
import { formats, parseFormat, print } from './output.ts'

const output = (c: Command): Command => c.option('-o, --output <format>', formats.join(', '), parseFormat, 'table')

export const addMachine = (program: Command, context: Context): void => {
  const machine = program.command('machine').description('machines of clusters')
  output(machine.command('list').alias('ls').description('machines of the project').option('--cluster <cluster>', 'of one cluster').option('-A, --all-namespaces', 'of all projects'))
    .action((o: { output: never; cluster?: string; allNamespaces?: boolean }) => print(context, Machine, o.output, { allNamespaces: o.allNamespaces === true, ...(o.cluster !== undefined && { fieldSelector: `spec.cluster=${o.cluster}` }) }))
  output(machine.command('get').argument('<name>').description('one machine')).action((name: string, o: { output: never }) => print(context, Machine, o.output, { name }))
  machine.command('console').argument('<name>').description('the end of what its server\'s console shows').option('--lines <n>', 'how many', '50').action(async (name: string, o: { lines: string }) => {
    const { status } = (await context.resources().post(Machine, { namespace: context.namespace(), name }, 'console', { spec: { lines: Number(o.lines) } })) as { status: { text: string } }
    context.terminal.out(status.text.trimEnd())
  })
  machine.command('logs').argument('<name>').description('its kernel\'s log, through Talos').option('--lines <n>', 'how many', '200').action(async (name: string, o: { lines: string }) => {
    const { status } = (await context.resources().post(Machine, { namespace: context.namespace(), name }, 'logs', { spec: { lines: Number(o.lines) } })) as { status: { text: string } }
    context.terminal.out(status.text.trimEnd())
  })
}
