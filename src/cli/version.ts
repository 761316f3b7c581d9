/** skerry version: of the command, and of the platform when it answers. */
import type { Command } from 'commander'
import { isUnavailable } from '../engine/errors.ts'
import type { Context } from './context.ts'

export const clientVersion = '0.1.0'

export const addVersion = (program: Command, context: Context): void => {
  program.command('version').description('versions of this command and of the platform').option('--client', 'of this command only').action(async (o: { client?: boolean }) => {
    context.terminal.out(`skerry ${clientVersion}`)
    if (o.client === true) return
    try {
      const { gitVersion } = (await context.resources().request({ method: 'GET', path: '/version' })) as { readonly gitVersion: string }
      context.terminal.out(`platform ${gitVersion}`)
    } catch (error) {
      if (!isUnavailable(error)) throw error
      context.terminal.err('the platform does not answer')
    }
  })
}
