/** IPv4 networks as numbers: parsing, containment, overlap. */

export interface Cidr { readonly base: number; readonly prefix: number }

/** The address as an unsigned 32-bit number; undefined when it is none. */
export const parseAddress = (text: string): number | undefined => {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let n = 0
  for (const p of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(p) || Number(p) > 255) return undefined
    n = n * 256 + Number(p)
  }
  return n
}
export const addressText = (n: number): string => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255].join('.')
export const sizeOf = (c: Cidr): number => 2 ** (32 - c.prefix)

/** undefined when it is no network or has host bits set. */
export const parseCidr = (text: string): Cidr | undefined => {
  const [address, prefix, rest] = text.split('/')
  if (address === undefined || prefix === undefined || rest !== undefined || !/^(0|[1-9]\d?)$/.test(prefix) || Number(prefix) > 32) return undefined
  const base = parseAddress(address)
  if (base === undefined || base % 2 ** (32 - Number(prefix)) !== 0) return undefined
  return { base, prefix: Number(prefix) }
}
export const contains = (c: Cidr, address: number): boolean => address >= c.base && address < c.base + sizeOf(c)
export const overlap = (a: Cidr, b: Cidr): boolean => contains(a, b.base) || contains(b, a.base)

/** Indexes of the first two that overlap. All must parse. */
export const firstOverlap = (cidrs: readonly string[]): readonly [number, number] | undefined => {
  const parsed = cidrs.map((c) => parseCidr(c)!)
  for (let j = 1; j < parsed.length; j++) for (let i = 0; i < j; i++) if (overlap(parsed[i]!, parsed[j]!)) return [i, j]
  return undefined
}
/** The nth address of a network; negative counts from its end (-1 is the broadcast address). */
export const nth = (c: Cidr, n: number): string => addressText(n >= 0 ? c.base + n : c.base + sizeOf(c) + n)
