/** IPv4 arithmetic. */
export const toInt = (address: string): number => {
  const parts = address.split('.')
  if (parts.length !== 4) return Number.NaN
  let n = 0
  for (const part of parts) {
    if (!/^\d{1,3}$/.test(part) || Number(part) > 255) return Number.NaN
    n = n * 256 + Number(part)
  }
  return n
}
export const toAddress = (n: number): string => `${Math.floor(n / 16_777_216) % 256}.${Math.floor(n / 65_536) % 256}.${Math.floor(n / 256) % 256}.${n % 256}`

export interface Cidr { readonly first: number; readonly last: number; readonly bits: number }

export const parseCidr = (text: string): Cidr | undefined => {
  const [address, bitsText] = text.split('/')
  const n = toInt(address ?? '')
  const bits = bitsText === undefined ? 32 : Number(bitsText)
  if (Number.isNaN(n) || !Number.isInteger(bits) || bits < 0 || bits > 32) return undefined
  const size = 2 ** (32 - bits)
  const first = Math.floor(n / size) * size
  return { first, last: first + size - 1, bits }
}
export const within = (cidr: Cidr, address: string): boolean => {
  const n = toInt(address)
  return n >= cidr.first && n <= cidr.last
}
export const overlap = (a: Cidr, b: Cidr): boolean => a.first <= b.last && b.first <= a.last
