/** The key that signs checkpoints of the audit (rule S12): Ed25519, in a file of its owner beside the site's key; every server of an installation has the same. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFile } from 'node:fs/promises'

export const newAuditKey = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string

export const readAuditKey = async (path: string): Promise<{ readonly privateKey: KeyObject; /** PEM */ readonly publicKey: string }> => {
  const privateKey = createPrivateKey(await readFile(path))
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error(`${path} holds no Ed25519 key`)
  return { privateKey, publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) as string }
}
