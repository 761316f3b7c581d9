import { expect, test } from 'vitest'
import { readKubeconfig } from './kubeconfig.ts'

const b64 = (text: string): string => Buffer.from(text).toString('base64')
const files = (user: string): Record<string, string> => ({
  '/home/a/.kube/config': `
apiVersion: v1
kind: Config
current-context: hub
clusters: [{ name: hub, cluster: { server: "https://hub.example:6443", certificate-authority-data: ${b64('CA')}, tls-server-name: skerry } }]
contexts: [{ name: hub, context: { cluster: hub, user: me, namespace: acme } }, { name: lost, context: { cluster: gone, user: me } }]
users: [{ name: me, user: ${user} }]`,
  '/home/a/.kube/me.key': 'KEY',
  '/var/token': 'secret\n',
})
const read = (user: string, context?: string) => {
  const all = files(user)
  return readKubeconfig('/home/a/.kube/config', (p) => { const text = all[p]; if (text === undefined) throw new Error(`no ${p}`); return text }, context)
}

test('certificates come from data and from files beside the kubeconfig', () => {
  expect(read(`{ client-certificate-data: ${b64('CERT')}, client-key: me.key }`)).toEqual({
    name: 'hub', namespace: 'acme', options: { server: 'https://hub.example:6443', tls: { ca: 'CA', cert: 'CERT', key: 'KEY', serverName: 'skerry' } },
  })
})
test('a token comes from the file that is named', () => {
  expect(read('{ tokenFile: /var/token }').options.token).toBe('secret')
})
test('what is not understood is refused by name', () => {
  expect(() => read('{ exec: { command: x } }')).toThrow(/"exec" is not supported/)
  expect(() => read('{}', 'lost')).toThrow(/there is no cluster "gone"/)
  expect(() => read('{}', 'nowhere')).toThrow(/there is no context "nowhere"/)
})
