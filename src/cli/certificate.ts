/** skerry certificate …: what people do for their own certificate of the platform (rule A4). */
import type { Command } from 'commander'
import { ClientCertificate } from '../api/index.ts'
import type { CertificateAnswer } from '../api/access/index.ts'
import { newKeyAndRequest } from './csr.ts'
import { certificateNameIn, renewed } from './platform-kubeconfig.ts'
import type { Context } from './context.ts'

/** Has the platform sign a request. */
export const sign = async (context: Context, name: string, csr: string): Promise<CertificateAnswer> =>
  ((await context.resources().post(ClientCertificate, { namespace: '', name }, 'certificate', { spec: { csr } })) as { status: CertificateAnswer }).status

export const addCertificate = (program: Command, context: Context): void => {
  const certificate = program.command('certificate').description('your own certificate of the platform')
  certificate.command('request').argument('<name>').description('make a key, which stays here, and a request for an administrator to sign; asks no server')
    .action(async (name: string) => {
      const { key, csr } = await newKeyAndRequest('P-256')
      await context.files.writePrivate(`${name}.key`, key)
      await context.files.writePrivate(`${name}.csr`, csr)
      context.terminal.err(`wrote ${name}.key, which nobody else may see, and ${name}.csr for an administrator: skerry admin certificate issue ${name} --csr ${name}.csr --output ${name}.kubeconfig`)
    })
  certificate.command('renew').description('a new key and certificate in the kubeconfig that is used; before the old one ends')
    .action(async () => {
      const { path, text } = await context.kubeconfig()
      const { key, csr } = await newKeyAndRequest('P-256')
      const answer = await sign(context, certificateNameIn(text), csr)
      await context.files.writePrivate(path, renewed(text, answer, key))
      context.terminal.err(`renewed ${path} until ${answer.expiresAt}`)
    })
}
