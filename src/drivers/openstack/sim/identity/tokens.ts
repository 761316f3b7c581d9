/** Tokens that carry their own content under a seal, as Fernet tokens do: they outlive a restart and cost no table. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Token } from '../core/call.ts'
import type { World } from '../core/world.ts'

export interface Tokens {
  issue(of: Omit<Token, 'text' | 'issuedAt' | 'expiresAt' | 'auditId'>, notAfter?: string | null): Token
  check(text: string): Token | undefined
  revoke(text: string): void
  /** Ends all tokens made so far. */
  revokeAll(): void
}

export const tokens = (world: World): Tokens => {
  let key = world.values.get('token-key') as string | undefined
  const renew = (): void => {
    key = randomBytes(32).toString('base64')
    world.values.set('token-key', key)
    world.journal.noteValue('value', 'token-key', key)
  }
  if (key === undefined) renew()
  const known = new Map<string, Token>()
  const revoked = new Set<string>((world.values.get('revoked') as string[] | undefined) ?? [])
  const seal = (payload: string): Buffer => createHmac('sha256', key!).update(payload).digest()
  return {
    issue(of, notAfter) {
      const now = world.ms()
      let expires = now + world.settings.tokenLifetimeMs
      if (notAfter !== undefined && notAfter !== null) expires = Math.min(expires, Date.parse(notAfter))
      const issuedAt = new Date(now).toISOString().replace(/\.\d+Z$/, '.000000Z')
      const expiresAt = new Date(expires).toISOString().replace(/\.\d+Z$/, '.000000Z')
      const auditId = randomBytes(16).toString('base64url')
      const payload = Buffer.from(JSON.stringify({ ...of, issuedAt, expiresAt, auditId, exact: expires })).toString('base64url')
      const text = `gAAAAAB${payload}.${seal(payload).toString('base64url')}`
      const token: Token = { ...of, text, issuedAt, expiresAt, auditId }
      known.set(text, token)
      if (known.size > 2000) known.delete(known.keys().next().value!)
      return token
    },
    check(text) {
      let token = known.get(text)
      if (token === undefined) {
        const [payload, signature] = text.slice(7).split('.')
        if (!text.startsWith('gAAAAAB') || payload === undefined || signature === undefined) return undefined
        const given = Buffer.from(signature, 'base64url')
        const right = seal(payload)
        if (given.length !== right.length || !timingSafeEqual(given, right)) return undefined
        token = { ...(JSON.parse(Buffer.from(payload, 'base64url').toString()) as Omit<Token, 'text'>), text }
        known.set(text, token)
      }
      if (Date.parse(token.expiresAt) <= world.ms() || revoked.has(token.auditId)) return undefined
      // A deleted application credential takes its tokens with it.
      if (token.credentialId !== undefined && world.tables.credentials.get(token.credentialId) === undefined) return undefined
      return token
    },
    revoke(text) {
      const token = this.check(text)
      if (token === undefined) return
      revoked.add(token.auditId)
      world.values.set('revoked', [...revoked])
      world.journal.noteValue('value', 'revoked', [...revoked])
    },
    revokeAll() {
      known.clear()
      renew()
    },
  }
}
