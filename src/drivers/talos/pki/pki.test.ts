import { execFileSync } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { talosctl } from '../testing.ts'
import type { SecretsBundle } from '../talos.ts'
import { bundleFromYaml, bundleToYaml } from './bundle-yaml.ts'
import { newSecretsBundle } from './bundle.ts'
import { newRequest, readRequest } from './certificate.ts'
import { newOwnKubernetesClient, newOwnTalosClient, newServingCert, signKubernetesClient, signTalosClient } from './clients.ts'
import { elements } from './der.ts'
import { readKey } from './pem.ts'

const now = new Date('2026-11-25T12:00:00Z')
const hour = 3_600_000
let secrets: SecretsBundle
beforeAll(async () => { secrets = await newSecretsBundle({ now }) })

const csrOf = (type: 'ed25519' | 'ec' | 'rsa'): string => newRequest((type === 'ed25519' ? generateKeyPairSync('ed25519') : type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('rsa', { modulusLength: 2048 })).privateKey)

test('T7 a bundle has the authorities that Talos makes: their key types, subjects and labels', () => {
  const { os, etcd, k8s, k8sAggregator, k8sServiceAccount } = secrets.certs
  const facts = [os, etcd, k8s, k8sAggregator].map(({ crt, key }) => {
    const c = new X509Certificate(crt)
    return [c.publicKey.asymmetricKeyType, c.subject?.trim() ?? '', c.ca, c.verify(c.publicKey), /BEGIN ([A-Z0-9 ]+)-/.exec(key)?.[1]]
  })
  expect(facts).toEqual([
    ['ed25519', 'O=talos', true, true, 'ED25519 PRIVATE KEY'], ['ec', 'O=etcd', true, true, 'EC PRIVATE KEY'],
    ['ec', 'O=kubernetes', true, true, 'EC PRIVATE KEY'], ['ec', '', true, true, 'EC PRIVATE KEY'],
  ])
  expect(k8sServiceAccount.key).toContain('BEGIN RSA PRIVATE KEY')
  expect(readKey(k8sServiceAccount.key).asymmetricKeyDetails?.modulusLength).toBe(4096)
  for (const token of [secrets.bootstrapToken, secrets.trustdToken]) expect(token).toMatch(/^[0-9a-z]{6}\.[0-9a-z]{16}$/)
  for (const s of [secrets.clusterId, secrets.clusterSecret, secrets.secretboxEncryptionSecret]) expect(Buffer.from(s, 'base64')).toHaveLength(32)
})

test('T7 a bundle survives export and import, and an imported one that does not fit is named without its contents', () => {
  const yaml = bundleToYaml(secrets)
  expect(bundleFromYaml(yaml)).toEqual(secrets)
  expect(() => bundleFromYaml(yaml.replace(/trustdinfo:\n.*\n/, ''))).toThrow('the secrets bundle has no trustdinfo.token')
  const swapped = bundleToYaml({ ...secrets, certs: { ...secrets.certs, etcd: { crt: secrets.certs.k8s.crt, key: secrets.certs.etcd.key } } })
  expect(() => bundleFromYaml(swapped)).toThrow('certs.etcd of the secrets bundle: the key does not belong to the certificate')
  expect(() => bundleFromYaml('a: [secret')).toThrow('the secrets bundle is not YAML')
})

test.runIf(talosctl !== undefined)('T7 a bundle of talosctl gen secrets is imported, and ours is taken by talosctl gen config', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skerry-bundle-'))
  try {
    const theirs = execFileSync(talosctl!, ['gen', 'secrets', '-o', '-']).toString()
    expect(bundleFromYaml(bundleToYaml(bundleFromYaml(theirs)))).toEqual(bundleFromYaml(theirs))
    writeFileSync(join(dir, 'secrets.yaml'), bundleToYaml(secrets), { mode: 0o600 })
    execFileSync(talosctl!, ['gen', 'config', 'c', 'https://c:6443', '--with-secrets', join(dir, 'secrets.yaml'), '-o', join(dir, 'out'), '--with-docs=false', '--with-examples=false'], { stdio: 'pipe' })
  } finally { rmSync(dir, { recursive: true }) }
})

test('T8 people get certificates for hours, for the key of their request, that start five minutes ago and never carry a group of Kubernetes itself', () => {
  const csr = csrOf('ec')
  const c = new X509Certificate(signKubernetesClient(secrets, { csr, user: 'ann', groups: ['skerry:cluster-admins', 'dev'], ttlMs: 8 * hour, now }))
  expect(c.subject.split('\n')).toEqual(['O=skerry:cluster-admins', 'O=dev', 'CN=ann'])
  expect([c.validFromDate, c.validToDate]).toEqual([new Date('2026-11-25T11:55:00Z'), new Date('2026-11-25T20:00:00Z')])
  expect(c.verify(new X509Certificate(secrets.certs.k8s.crt).publicKey)).toBe(true)
  expect(c.publicKey.equals(readRequest(csr))).toBe(true)
  const sign = (change: object) => () => signKubernetesClient(secrets, { csr, user: 'ann', groups: ['dev'], ttlMs: hour, now, ...change })
  expect(sign({ groups: ['system:masters'] })).toThrow('system:')
  expect(sign({ user: 'system:kube-controller-manager' })).toThrow('system:')
  expect(sign({ ttlMs: 25 * hour })).toThrow('at most 24 h')
  expect(sign({ csr: csr.replace(/\n[A-Za-z0-9+/]{4}/, '\nAAAA') })).toThrow()
})

test('T8 Talos certificates: os:reader for at most eight hours, os:admin for at most one, no name, clientAuth only', () => {
  const c = new X509Certificate(signTalosClient(secrets, { csr: csrOf('ed25519'), roles: ['os:reader'], ttlMs: 8 * hour, now }))
  expect([c.subject, c.keyUsage, c.validFromDate.getTime()]).toEqual(['O=os:reader', ['1.3.6.1.5.5.7.3.2'], now.getTime() - 300_000])
  expect(() => signTalosClient(secrets, { csr: csrOf('ec'), roles: ['os:reader'], ttlMs: 9 * hour, now })).toThrow('at most 8 h')
  expect(() => signTalosClient(secrets, { csr: csrOf('ec'), roles: ['os:reader', 'os:admin'], ttlMs: 2 * hour, now })).toThrow('at most 1 h')
})

test('our own certificates end within the hour and are renewed before', () => {
  for (const own of [newOwnKubernetesClient(secrets, now), newOwnTalosClient(secrets, 'os:admin', now)]) {
    expect(new X509Certificate(own.crt).validToDate.getTime()).toBe(now.getTime() + hour)
    expect(own.renewAt).toBe(now.getTime() + 2400_000)
    expect(() => createSecureContext({ cert: own.crt, key: own.key })).not.toThrow()
  }
})

test('openssl, in its strict mode, verifies what is issued', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skerry-pki-'))
  try {
    for (const [name, authority] of Object.entries({ os: secrets.certs.os, k8s: secrets.certs.k8s, front: secrets.certs.k8sAggregator })) {
      const serving = newServingCert(authority, { sans: ['api.x.skerry.internal', '203.0.113.7', '2001:db8::7', '::1', 'fe80::a:0:0:1'], now, ttlMs: hour, commonName: 'leaf' })
      expect(new X509Certificate(serving.crt).subjectAltName).toBe('DNS:api.x.skerry.internal, IP Address:203.0.113.7, IP Address:2001:DB8:0:0:0:0:0:7, IP Address:0:0:0:0:0:0:0:1, IP Address:FE80:0:0:0:A:0:0:1')
      writeFileSync(join(dir, 'ca'), authority.crt)
      writeFileSync(join(dir, 'leaf'), serving.crt)
      const strict = name === 'front' ? [] : ['-x509_strict']
      expect(execFileSync('openssl', ['verify', ...strict, '-attime', String(now.getTime() / 1000), '-CAfile', join(dir, 'ca'), join(dir, 'leaf')], { stdio: 'pipe' }).toString()).toContain('OK')
    }
  } finally { rmSync(dir, { recursive: true }) }
})

test('a request made by openssl is read; a key of any kind is accepted, weak RSA is not', () => {
  const dir = mkdtempSync(join(tmpdir(), 'skerry-csr-'))
  try {
    for (const kind of [['ed25519'], ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256'], ['rsa', '-pkeyopt', 'rsa_keygen_bits:2048']]) {
      execFileSync('openssl', ['genpkey', '-algorithm', ...kind, '-out', join(dir, 'key')], { stdio: 'pipe' })
      const csr = execFileSync('openssl', ['req', '-new', '-key', join(dir, 'key'), '-subj', '/O=system:masters/CN=root']).toString()
      expect(readRequest(csr).asymmetricKeyType).toBe(kind[0])
      expect(createPrivateKey(execFileSync('cat', [join(dir, 'key')])).asymmetricKeyType).toBe(kind[0])
    }
  } finally { rmSync(dir, { recursive: true }) }
  expect(() => readRequest(newRequest(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey))).toThrow('below 2048')
})

test('the DER reader never reads outside its bytes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try { for (const e of elements(Buffer.from(bytes))) expect(e.raw.length).toBeLessThanOrEqual(bytes.length) } catch (e) { expect(String(e)).toContain('not DER') }
  }))
})
