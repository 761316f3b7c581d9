/** skerry admin: new-epoch, at the database itself, whether or not the platform answers; the rest has a file of its own. */
import { Command } from 'commander'
import { addAdminAccess } from './admin-access.ts'
import { cliError, type Context } from './context.ts'

export const addAdmin = (program: Command, context: Context): void => {
  const admin = program.command('admin').description('what administrators and the owner of the database do')
  addAdminAccess(admin, context)
  admin.command('new-epoch').description('at the database itself, after the database was put back to an earlier state: versions go on above all that anybody has seen, clients list again')
    .requiredOption('--reason <text>', 'kept with the epoch')
    .option('--database <url>', 'postgres://…; else SKERRY_DATABASE_URL, else the one of --state').option('--state <directory>', 'of serve; else SKERRY_STATE, .skerry').option('--yes', 'do not ask')
    .addHelpText('after', '\nThe servers may run. Each ends its watches and reads everything anew; a write that was on its way is refused or made, never both.\nA restore of a dump, a recovery to a point in time and a promoted standby are seen without this command; once more does no harm.')
    .action(async (o: { reason: string; database?: string; state?: string; yes?: boolean }) => {
      if (o.yes !== true && !(await context.confirm('Every client lists again, and the controllers take their lease anew. Begin a new epoch?'))) throw cliError('nothing was done: say yes, or give --yes', 2)
      const { number, ended, base } = await context.database.newEpoch({ url: o.database, state: o.state }, o.reason)
      context.terminal.out(`epoch ${number} has begun: the one before ended at version ${ended}, versions go on above ${base}`)
    })
}
