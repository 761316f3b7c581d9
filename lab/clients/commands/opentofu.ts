/** OpenTofu with a provider that applies manifests: plan, apply, no drift on a second plan, a drift that is seen, destroy. */
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Step } from './step.ts'

export const opentofu = async ({ namespace, bin, folder }: { readonly namespace: string; readonly bin: string; readonly folder: string }): Promise<readonly Step[]> => {
  await cp(join(import.meta.dirname, '../opentofu/main.tf'), join(folder, 'main.tf'))
  const overrides = join(folder, 'providers')
  await mkdir(overrides)
  await symlink(join(bin, 'terraform-provider-kubectl'), join(overrides, 'terraform-provider-kubectl'))
  // A provider that was compiled here is used as it is: nothing is fetched.
  await writeFile(join(folder, 'tofu.rc'), `provider_installation {\n  dev_overrides { "gavinbunney/kubectl" = "${overrides}" }\n  direct {}\n}\n`)
  const env = { TF_CLI_CONFIG_FILE: join(folder, 'tofu.rc'), KUBE_CONFIG_PATH: process.env['KUBECONFIG'] ?? '', TF_VAR_namespace: namespace, TF_IN_AUTOMATION: '1' }
  const t = (replicas: number, ...args: readonly string[]): Pick<Step, 'run' | 'env'> => ({ run: [join(bin, 'tofu'), ...args, '-no-color', '-input=false', `-var=replicas=${replicas}`], env })
  const k = (...args: readonly string[]): readonly string[] => [join(bin, 'kubectl'), '-n', namespace, ...args]
  return [
    { what: 'plan', ...t(2, 'plan', '-detailed-exitcode'), want: /Plan: 2 to add, 0 to change, 0 to destroy/, code: 2 },
    { what: 'apply', ...t(2, 'apply', '-auto-approve'), want: /Apply complete! Resources: 2 added/ },
    { what: 'a second plan sees no drift', ...t(2, 'plan', '-detailed-exitcode'), want: /No changes/ },
    { what: 'a change', ...t(4, 'apply', '-auto-approve'), want: /0 added, 1 changed, 0 destroyed/ },
    { what: 'it arrived', run: k('get', 'np', 'tofu-workers', '-o', 'jsonpath={.spec.replicas}'), want: /^4$/ },
    { what: 'no drift after it', ...t(4, 'plan', '-detailed-exitcode'), want: /No changes/ },
    { what: 'somebody scales by hand', run: k('scale', 'np', 'tofu-workers', '--replicas', '9'), want: /scaled/ },
    { what: 'a plan sees it', ...t(4, 'plan', '-detailed-exitcode'), want: /0 to add, 1 to change/, code: 2 },
    { what: 'apply corrects it', ...t(4, 'apply', '-auto-approve'), want: /1 changed/ },
    { what: 'destroy', ...t(4, 'destroy', '-auto-approve'), want: /Destroy complete! Resources: 2 destroyed/ },
    { what: 'all is gone', run: k('wait', 'np/tofu-workers', 'skc/tofu', '--for=delete', '--timeout', '20s'), want: /^$|condition met/ },
  ]
}
