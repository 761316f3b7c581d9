/** kustomize: what it builds is applied, changed and pruned by kubectl. */
import { join } from 'node:path'
import type { Step } from './step.ts'

export const kustomize = async ({ namespace, bin }: { readonly namespace: string; readonly bin: string }): Promise<readonly Step[]> => {
  const base = join(import.meta.dirname, '../kustomize')
  const k = (...args: readonly string[]): readonly string[] => [join(bin, 'kubectl'), '-n', namespace, ...args]
  const piped = (more: string): readonly string[] => ['sh', '-c', `'${join(bin, 'kustomize')}' build '${base}' | '${join(bin, 'kubectl')}' -n ${namespace} ${more} -f -`]
  return [
    { what: 'build', run: [join(bin, 'kustomize'), 'build', base], want: /name: k-pool[\s\S]*replicas: 3/ },
    { what: 'build into apply', run: piped('apply'), want: /k-pool created/ },
    { what: 'again: unchanged', run: piped('apply'), want: /k-pool unchanged/ },
    { what: 'build into server-side apply', run: piped('apply --server-side'), want: /k-pool serverside-applied/ },
    { what: 'build into diff', run: piped('diff'), want: /^$/ },
    { what: 'kubectl apply -k', run: k('apply', '-k', base), want: /k-pool (unchanged|configured)/ },
    { what: 'labels and patches are there', run: k('get', 'np', '-l', 'fleet=kustomized', '-o', 'jsonpath={.items[*].spec.replicas}'), want: /^3$/ },
    { what: 'build into delete', run: piped('delete --timeout 20s'), want: /k-pool" deleted/ },
  ]
}
