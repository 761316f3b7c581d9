import { expect, test } from 'vitest'
import { readCloudsYaml } from './clouds-yaml.ts'

const clouds = `
clouds:
  app:
    auth_type: v3applicationcredential
    auth: { auth_url: "https://id.example/v3", application_credential_id: abc }
    region_name: sto1
    interface: internal
    cacert: ca.pem
  people:
    auth: { auth_url: "https://id.example", username: anna, password: 1234, project_name: shop, user_domain_name: corp, project_domain_id: default }
    endpoint_type: publicURL
    regions: [{ name: sto2 }]
    verify: false
  odd: { auth_type: v3oidcpassword, auth: { auth_url: "https://id.example" } }
  empty: { auth: { auth_url: "https://id.example", username: u, password: p } }
`
const secure = 'clouds: { app: { auth: { application_credential_secret: s3cret } } }'

test('an application credential, its secret in secure.yaml', () => {
  expect(readCloudsYaml('app', clouds, secure)).toEqual({ auth: { authUrl: 'https://id.example/v3', applicationCredential: { id: 'abc', secret: 's3cret' } }, region: 'sto1', interface: 'internal', caCertificatePath: 'ca.pem', verify: true })
})

test('a password with domains', () => {
  expect(readCloudsYaml('people', clouds)).toEqual({ auth: { authUrl: 'https://id.example', password: { username: 'anna', password: '1234', userDomainName: 'corp', projectName: 'shop', projectDomainName: 'default' } }, region: 'sto2', interface: 'public', verify: false })
})

test('what is wrong is said with the file and the cloud, and without a value', () => {
  const said = (name: string, yaml = clouds): string => { try { readCloudsYaml(name, yaml, undefined, 'my.yaml'); return '' } catch (e) { return (e as Error).message } }
  expect(said('app')).toBe('my.yaml: cloud app: auth.application_credential_secret is missing')
  expect(said('nobody')).toBe('my.yaml has no cloud nobody; it has app, people, odd, empty')
  expect(said('odd')).toBe('my.yaml: cloud odd: auth_type v3oidcpassword is not one that Skerry speaks (v3applicationcredential, v3password)')
  expect(said('empty')).toBe('my.yaml: cloud empty: auth.project_name is missing')
  expect(said('a', 'clouds:\n  a: { auth: { password: "hunter2 }')).toBe('my.yaml is not YAML')
})
