/** The whole command line, as one value. */
import { Command, CommanderError, Option } from 'commander'
import { kinds } from '../api/index.ts'
import { apiVersionOf } from '../api/meta/index.ts'
import { failureOf, isAlreadyExists, isConflict, isForbidden, isInvalid, isNotFound, isUnauthorized, isUnavailable } from '../engine/errors.ts'
import { addAccess } from './access.ts'
import { addAdmin } from './admin.ts'
import { addCertificate } from './certificate.ts'
import { addAudit } from './audit.ts'
import { addProjects, addReleases } from './catalogue.ts'
import { addCluster } from './cluster.ts'
import { completion } from './completion.ts'
import type { CliError, Context } from './context.ts'
import { addMachine } from './machine.ts'
import { tableText } from './output.ts'
import { addPool } from './pool.ts'
import { addSites } from './site.ts'
import { clientVersion, addVersion } from './version.ts'

export const buildProgram = (context: Context): Command => {
  const program = new Command('skerry').description('Managed Kubernetes on Talos Linux over OpenStack').version(clientVersion, '--version').exitOverride()
    .option('--kubeconfig <file>', 'of the platform; else SKERRY_KUBECONFIG, .skerry/kubeconfig, ~/.config/skerry/kubeconfig').option('-n, --namespace <project>', 'the project')
    .configureOutput({ writeOut: (t) => context.terminal.out(t.trimEnd()), writeErr: (t) => context.terminal.err(t.trimEnd()) })
    .addHelpText('after', '\nExit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused by the server, 5 server not reached, 6 took too long.')
  addCluster(program, context)
  addPool(program, context)
  addMachine(program, context)
  addSites(program, context)
  addReleases(program, context)
  addProjects(program, context)
  addAccess(program, context)
  addCertificate(program, context)
  addAudit(program, context)
  addAdmin(program, context)
  addVersion(program, context)
  program.command('api-resources').description('the kinds that the API serves').action(() => context.terminal.out(tableText([
    ['NAME', 'SHORTNAMES', 'APIVERSION', 'NAMESPACED', 'KIND', 'DESCRIPTION'], ...kinds.map((k) => [k.plural, k.shortNames.join(','), apiVersionOf(k), String(k.namespaced), k.kind, k.description]),
  ])))
  program.command('completion').argument('<shell>', 'bash, zsh or fish').description('a completion script: source <(skerry completion bash)').action((shell: string) => context.terminal.out(completion(program, shell)))
  // Understood wherever they stand; read from the whole line (`valueOf`).
  const everywhere = (c: Command): void => {
    c.exitOverride()
    for (const sub of c.commands) {
      sub.addOption(new Option('-n, --namespace <project>', 'the project').hideHelp(sub.commands.length > 0)).addOption(new Option('--kubeconfig <file>').hideHelp())
      everywhere(sub)
    }
  }
  everywhere(program)
  return program
}

/** Runs, says what went wrong to people, answers the exit code. */
export const runProgram = async (program: Command, argv: readonly string[], context: Context): Promise<number> => {
  try {
    await program.parseAsync([...argv], { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    const { message, code } = explain(error)
    context.terminal.err(message)
    return code
  }
}

const explain = (error: unknown): { readonly message: string; readonly code: number } => {
  const exitCode = (error as Partial<CliError>).exitCode
  if (exitCode !== undefined) return { message: `skerry: ${(error as Error).message}`, code: exitCode }
  const failure = failureOf(error)
  if (failure?.code === 0) return { message: `skerry: the platform does not answer: ${failure.message}`, code: 5 }
  const causes = failure?.details?.causes?.filter((c) => c.field !== undefined) ?? []
  if (isInvalid(error) && causes.length > 0) return { message: ['skerry: refused:', ...causes.map((c) => `  ${c.field ?? ''}: ${c.message ?? ''}`)].join('\n'), code: 4 }
  // A path that is not served names no object.
  if (isNotFound(error) && failure?.details?.name === undefined) return { message: 'skerry: this platform does not serve that yet', code: 4 }
  if (isNotFound(error)) return { message: `skerry: ${failure?.message ?? 'not found'}`, code: 3 }
  if (isForbidden(error) || isUnauthorized(error) || isInvalid(error) || isConflict(error) || isAlreadyExists(error)) return { message: `skerry: ${failure?.message ?? 'refused'}`, code: 4 }
  if (isUnavailable(error)) return { message: `skerry: ${failure?.message ?? 'the platform does not answer'}`, code: 5 }
  return { message: `skerry: ${error instanceof Error ? error.message : String(error)}`, code: 1 }
}
